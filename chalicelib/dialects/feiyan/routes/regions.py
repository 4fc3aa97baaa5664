"""Where a person's region is: the first call of an app. Source: Feiyan 7.4.11"""

from ....core.errors import InvalidInput
from ....settings import settings
from ....web.operations import Call
from .. import cloud_user_schema as schema
from .. import thing_mapping
from ..declaring import NO_USER, client

NEEDED = {
    "COUNTRY_CODE": "countryCode",
    "PHONE": "phone",
    "EMAIL": "email",
    "GOOGLE_AUTHCODE": "authCode",
    "THIRD_AUTHCODE": "authCode",
}
ENGLISH = {
    "cn-shanghai": "China",
    "ap-southeast-1": "Singapore",
    "us-east-1": "US East",
    "germany": "Germany",
}
SHORT = {"cn-shanghai": "cn", "ap-southeast-1": "sg", "us-east-1": "us", "germany": "de"}


@client("/living/account/region/get", "1.0.2", source="Feiyan 7.4.11", user=NO_USER)
def get_account_region(call: Call[None, None, schema.AccountRegionQuery]) -> schema.AccountRegion:
    """Where to connect: the same for everybody, registered or not. Both apps and clouds ask, without a
    token. No AWS call.
    """
    body = call.body
    given = {
        "countryCode": body.country_code,
        "phone": body.phone,
        "email": body.email,
        "authCode": body.auth_code,
    }
    if not given[NEEDED[body.type]]:
        raise InvalidInput(NEEDED[body.type], "is missing", missing=True)
    region, host = thing_mapping.site(), call.request.header("host") or ""
    return schema.AccountRegion(
        region_id=region,
        short_region_id=SHORT[region],
        region_english_name=ENGLISH[region],
        mqtt_endpoint=settings().mqtt_endpoint,
        api_gateway_endpoint=host,
        oa_api_gateway_endpoint=host,
        push_channel_endpoint="",
    )
