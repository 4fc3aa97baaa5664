"""A call of every operation of Feiyan that names things, with `{kind}` where ids go.

In the order in which they may be made one after the other: first what reads, at last what ends things. An
operation that names nothing of anybody's is in `NAMELESS`.
"""

from collections.abc import Sequence
from typing import Any

PAGE = {"pageNo": 1, "pageSize": 10}
SPAN = {"start": 1_699_999_000_000, "end": 1_700_001_000_000}
RANDOM = "000102030405060708090a0b0c0d0e0f"

LAMP = {"iotId": "{lamp}"}
NAMED = {"productKey": "{product}", "deviceName": "{lamp_name}"}
HOME = {"homeId": "{home}"}
ROOM = {**HOME, "roomId": "{room}"}
GROUP = {**HOME, "controlGroupId": "{group}"}
METER = {"iotId": "{meter}"}
NAMED_METER = {"productKey": "{meter_product}", "deviceName": "{meter_name}"}
BY_OPEN_ID = {"openId": "{open_id}", "openIdAppKey": "{app_key}"}
OLD, NEW = {"currentVersion": "1.0"}, {"firmwareVersion": "2.0"}
NOTE = {**LAMP, "dataKey": "colour"}
PROPERTIES = {"identifier": "power", **SPAN}
EVENTS = {"identifier": "Error", "eventType": "error", **SPAN}
APP_SPAN, CLOUD_SPAN = {"limit": 10, "order": "asc"}, {"pageSize": 10, "ordered": True}
TABLE = {"cols": {}, "tableName": "properties", "expr": {}, **PAGE}
INVOKED = {"identifier": "Toggle", "args": {}}
LIGHT = {"items": {"power": 1}}
PAIR = {"iotIdList": ["{lamp}", "{second}"]}
VIRTUAL = {"virtualUserId": "{virtual}"}


def either(params: Any, *others: Any, **common: Any) -> list[Any]:
    return [{**each, **common} for each in (params, *others)]


CALLS: dict[str, Sequence[Any]] = {
    # what reads
    "query_identity_list": [{"identityIds": ["{user}"]}],
    "check_registration": [{"phone": "{phone}"}, {"email": "{login}"}],
    "query_identity": [
        {"opType": 1, "loginId": "{open_id}", "loginSource": "openAccount"},
        {"opType": 2, "phone": "{phone}"},
        {"opType": 3, "email": "{login}"},
    ],
    "get_thing_info": [LAMP],
    "get_thing_status": [LAMP],
    "get_thing_tsl": [LAMP],
    "get_product_tsl": [{"productKey": "{product}"}],
    "get_thing_properties": [LAMP],
    "get_thing_events": [LAMP],
    "query_aggregate": [{**LAMP, **TABLE}],
    "list_bindings": [{**PAGE, "groupId": "{home}"}, {**PAGE, "groupId": "{room}"}],
    "list_holders": either(LAMP, {"deviceId": "{lamp}"}, **PAGE),
    "get_relation": [LAMP],
    "get_account_by_open_id": [BY_OPEN_ID],
    "get_open_id": [{"identityId": "{user}", "openIdAppKey": "{app_key}"}],
    "get_account": [{"identityId": "{user}"}],
    "get_user_region": [{"phone": "{phone}"}, {"email": "{login}"}, {"openId": "{open_id}"}],
    "list_user_devices": [{"identityId": "{user}"}, BY_OPEN_ID],
    "list_device_users": [{**LAMP, **PAGE}],
    "distribute": [
        {
            "productKey": "{product}",
            "deviceNames": ["{lamp_name}"],
            "bindingCheck": True,
            "pushDeviceRegionSwitch": True,
        }
    ],
    "get_product": [{"productKey": "{product}"}],
    "query_certificates": [{"applyId": "{batch}", **PAGE}],
    "query_recorder_certificates": [{"productKey": "{recorder}", "batchId": "{recorder_batch}", **PAGE}],
    "get_reset_state": [{"taskId": "{reset}"}],
    "get_thing_note": [NOTE],
    "get_cloud_thing_properties": either(LAMP, NAMED),
    "get_cloud_thing_tsl": either(LAMP, NAMED),
    "get_cloud_thing_status": either(LAMP, NAMED),
    "get_cloud_thing_info": either(LAMP, NAMED),
    "get_things": [{"productKey": "{product}", "status": 1, "currentPage": 1, "pageSize": 10}],
    "get_children": either(
        {"iotId": "{gateway}"}, {"productKey": "{gateway_product}", "deviceName": "{gateway_name}"}
    ),
    "get_thing_region": either(LAMP, NAMED),
    "get_home": [HOME],
    "list_elements": [{**HOME, **PAGE}],
    "get_room": [ROOM],
    "list_rooms": [{**HOME, **PAGE}],
    "list_room_devices": [{**ROOM, **PAGE}],
    "list_home_devices": [
        {**HOME, **PAGE},
        {**ROOM, **PAGE},
        {"productKey": "{product}", **PAGE},
        {"excludedHomeId": "{home}", **PAGE},
        {**HOME, "excludedRoomId": "{room}", **PAGE},
    ],
    "get_control_group": [GROUP],
    "list_control_groups": [{**HOME, **PAGE}],
    "list_control_group_devices": [{**GROUP, **PAGE}],
    "list_groupable_products": [{**HOME, **PAGE}],
    "get_mesh_address": [{**GROUP, **PAIR}],
    "get_firmware": either(METER, {"deviceId": "{meter}"}, NAMED_METER, **OLD),
    "get_upgrade_progress": either(METER, {"deviceId": "{meter}"}, NAMED_METER),
    "query_product_of_thing": [LAMP],
    "get_product_by_key": [{"productkey": "{product}"}, {"productKey": "{product}"}],
    "get_guides": [{"productKey": "{product}"}],
    "query_product_key": [{"productId": "{product_number}"}],
    "filter_nearby_devices": [
        {"iotDevices": [{"productKey": "{product}", "deviceName": "{fresh_name}"}]},
        {"iotDevices": [{"productKey": "{product}", "deviceName": "{lamp_name}", "reset": True}]},
    ],
    "check_token": [
        {"token": "{bind_token}"},
        {"token": "{bind_token}", "productKey": "{product}", "deviceName": "{newcomer_name}"},
    ],
    "get_cipher": [
        {"deviceInfoForCipher": {"random": RANDOM, "productKey": "{product}", "cipherType": 3}},
        {"deviceInfoForCipher": {"random": RANDOM, **NAMED, "cipherType": 4}},
    ],
    "query_share_records": [{"batchId": "{share_batch}", **PAGE}, {"batchId": "{offer_batch}", **PAGE}],
    "get_shared_devices": either(
        {"deviceList": [LAMP]},
        {"deviceList": [{"productId": "{lamp}"}]},
        {"deviceList": [NAMED]},
        targetIdentityId="{friend}",
    ),
    "query_subdevices": either(
        {"iotId": "{gateway}"},
        {"productKey": "{gateway_product}", "deviceName": "{gateway_name}"},
        lang="zh-CN",
        **PAGE,
    ),
    "list_subdevices": [{"iotId": "{gateway}", **PAGE}],
    "get_property_timeline": [{**LAMP, **PROPERTIES, **APP_SPAN}],
    "get_event_timeline": [{**LAMP, **EVENTS, **APP_SPAN}],
    "get_cloud_property_timeline": either(LAMP, NAMED, **PROPERTIES, **CLOUD_SPAN),
    "get_cloud_event_timeline": either(LAMP, NAMED, **EVENTS, **CLOUD_SPAN),
    "query_virtual_user": [VIRTUAL],
    "list_component_properties": [{"productKey": "{product}", **LAMP}],
    "get_app_certificate": [{"authInfo": {"clientId": "{phone_id}"}}],
    # what changes
    "update_account": [
        {"identityId": "{user}", "openIdAppKey": "{app_key}", "nickName": "n"},
        {**BY_OPEN_ID, "nickName": "n"},
    ],
    "sort_devices": [
        {"sortDeviceDTOList": [{**LAMP, "toOrder": 1}]},
        {"sortDeviceDTOList": [{**LAMP, "toOrder": 1}], "groupId": "{home}"},
    ],
    "set_nickname": [{**LAMP, "nickName": "n"}],
    "set_thing_properties": either(LAMP, NAMED, **LIGHT),
    "set_cloud_thing_properties": either(LAMP, NAMED, **LIGHT),
    "invoke_thing_service": [{**LAMP, **INVOKED}],
    "invoke_cloud_thing_service": either(LAMP, NAMED, **INVOKED),
    "notify_thing": either(LAMP, NAMED, messageContent={"title": "x"}),
    "set_thing_note": [{**NOTE, "dataValue": "red"}],
    "update_components": [{"componentProductList": [LAMP]}],
    "permit_joining": [
        {"iotId": "{gateway}", "time": 60},
        {"iotId": "{gateway}", "time": 60, "productKey": "{product}"},
    ],
    "update_home": [{**HOME, "name": "另一个家"}],
    "set_current_home": [{"homeId": "{empty_home}"}],
    "create_room": [{**HOME, "name": "Attic"}],
    "update_room": [{**ROOM, "name": "Bath"}],
    "reorder_element": [{**HOME, "elementId": "{lamp}", "targetOrder": 1}],
    "reorder_home_device": either(LAMP, NAMED, **HOME, targetOrder=1),
    "reorder_room_device": either(LAMP, {"deviceId": "{lamp}"}, **ROOM, targetOrder=1),
    "order_rooms": [{**HOME, "roomIdList": ["{bare_room}", "{room}"]}],
    "move_devices": [
        {**HOME, "deviceList": [LAMP]},
        {**HOME, "deviceList": [LAMP], "roomId": "{room}"},
    ],
    "fill_room": [{**HOME, "roomId": "{bare_room}", "iotIdList": ["{spare}"]}],
    "create_control_group": [
        {
            **HOME,
            "name": "Pair",
            "productKey": "{product}",
            "iotIdList": ["{spare}", "{child}"],
        }
    ],
    "update_control_group": [{**GROUP, "name": "Three"}],
    "fill_control_group": [{**GROUP, **PAIR}],
    "reorder_control_group": [{**GROUP, "targetOrder": 1}],
    "set_control_group_properties": [{"controlGroupId": "{group}", **LIGHT}],
    "invoke_control_group_service": [{"controlGroupId": "{group}", **INVOKED}],
    "confirm_upgrade": either({"devices": [METER]}, {"devices": [NAMED_METER]}),
    "report_upgrade_progress": either(
        {"iotId": "{loaded}"},
        {"deviceId": "{loaded}"},
        {"productKey": "{meter_product}", "deviceName": "{loaded_name}"},
        step="40",
        **NEW,
    ),
    "cancel_upgrade": either(METER, {"deviceId": "{meter}"}, NAMED_METER, **NEW),
    "report_version": [{**METER, "version": "3.0"}],
    "reset_thing": [LAMP],
    "update_virtual_user": [{**VIRTUAL, "opType": 1, "attrList": [{"attrKey": "a", "attrValue": "b"}]}],
    "unbind_push_channel": [{"deviceId": "{phone_id}"}],
    "bind_push_channel": [{"deviceId": "{phone_id}", "deviceType": "iOS"}],
    "generate_devices": [{"productKey": "{product}", "amount": 1}],
    "upload_device_names": [{"productKey": "{product}", "deviceNames": ["one-more"]}],
    "generate_named_devices": [{"productKey": "{product}", "batchId": "{name_batch}"}],
    "generate_recorders": [{"productKey": "{recorder}", "amount": 1}],
    "generate_share_qr_code": [{"iotIdList": ["{lamp}"]}],
    "share_devices_and_scenes": [
        {"iotIdList": ["{third}"], "targetIdentityId": "{friend}"},
        {"iotIdList": ["{fourth}"], "accountAttr": "{friend_login}", "accountAttrType": "EMAIL"},
    ],
    "reorder_shared_device": either(
        {"iotId": "{lent}"}, {"productKey": "{product}", "deviceName": "{lent_name}"}, targetOrder=0
    ),
    "confirm_share": either({"recordIdList": ["{offer_record}"]}, {"batchId": "{offer_batch}"}, agree=1),
    "bind_by_token": [
        {
            "productKey": "{product}",
            "deviceName": "{newcomer_name}",
            "token": "{bind_token}",
            "homeId": "{home}",
            "groupIds": ["{room}"],
        }
    ],
    "bind_in_window": [
        {
            "productKey": "{product}",
            "deviceName": "{fresh_name}",
            "homeId": "{home}",
            "groupIds": ["{room}"],
        }
    ],
    "bind_devices": [
        {"projectId": "{project}", "identityId": "{friend}", "deviceList": [{"iotId": "{spare}"}]},
        {"projectId": "{project}", **BY_OPEN_ID, "deviceList": [NAMED]},
    ],
    # what ends things
    "cancel_share": either({"recordIdList": ["{share_record}"]}, {"batchId": "{share_batch}"}),
    "delete_thing_note": [NOTE],
    "delete_virtual_user": [VIRTUAL],
    "remove_topology": [{"iotId": "{gateway}", "subIotId": "{child}"}],
    "unbind_subdevice": [{"productKey": "{product}", "deviceName": "{other_child_name}"}],
    "delete_control_group": [GROUP],
    "delete_control_groups": [{**HOME, "controlGroupIdList": ["{spare_group}"]}],
    "delete_room": [{**HOME, "roomId": "{bare_room}"}],
    "delete_home": [{"homeId": "{empty_home}"}],
    "unbind_by_manager": [
        {"targetIdentityId": "{friend}", "iotIdList": ["{lamp}"]},
        {"targetIdentityId": "{friend}", "groupId": "{home}"},
    ],
    "unbind": [LAMP, {"iotId": "{gateway}", "unbindSubdevice": True}],
    "scan_bind_by_share_qr_code": [{"qrKey": "{qr}"}],
    "unbind_user": [
        {"identityId": "{user}", "iotId": "{third}"},
        {**BY_OPEN_ID, "productKey": "{product}", "deviceName": "{fourth_name}"},
    ],
    "unbind_device": either(LAMP, NAMED),
    # tokens and logins
    "send_login_code": [{"loginId": "{login}"}],
    "register_person": [{"loginId": "{login}", "password": "secret words", "code": "123456"}],
    "log_in_person": [{"loginId": "{login}", "password": "correct horse"}],
    "log_in_by_oauth": [{"loginByOauthRequest": '{"authCode": "{code}"}'}],
    "create_session": [{"request": {"authCode": "{sid}"}}],
    "refresh_session": [{"request": {"refreshToken": "{refresh_token}", "identityId": "{user}"}}],
    "end_session": [
        {"request": {"iotToken": "{other_iot_token}"}},
        {"request": {"refreshToken": "{other_refresh_token}", "identityId": "{user}"}},
    ],
    "refresh_cloud_token": [{"cloudToken": "{cloud_token}"}],
    "get_cloud_token": [{"grantType": "project", "res": "{project}"}],
    "modify_account": [{"identityId": "{user}", "loginName": "{user}x"}],
    "unregister": [{}],
}
NAMELESS: dict[str, Any] = {
    "ping": {"input": "x"},
    "get_profile": {},
    "get_avatar_upload": {"fileSize": 10},
    "bind_taobao_account": {"authCode": "x"},
    "get_linked_account": {"accountType": "TAOBAO"},
    "unbind_linked_account": {"accountType": "TAOBAO"},
    "list_accounts": {"offset": 0, "count": 100},
    "list_products": PAGE,
    "list_projects": PAGE,
    "create_home": {"name": "新家"},
    "list_homes": PAGE,
    "list_upgrade_progress": {},
    "list_things_to_upgrade": {},
    "list_products_of_category": {"categoryId": 61},
    "list_products_to_set_up": {},
    "list_found_devices": {"pageSize": 10, "pageNum": 1},
    "create_token": {},
    "get_account_region": {"type": "COUNTRY_CODE", "countryCode": "CN"},
    "connect_account_service": {"request": "{}"},
    "get_share_notice_list": {"pageNo": 1, "pageSize": 100},
    "clear_share_notice_list": {},
    "query_shared_devices": PAGE,
    "create_virtual_user": {},
    "list_virtual_users": PAGE,
    "list_components": {},
}
