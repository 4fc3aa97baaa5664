"""What a person sees once the local cloud answers: addresses, credentials and lines to paste."""

from pathlib import Path
from typing import Any

from infra.local.seed import RATE

_TEXT = """\
Polything's local cloud is ready.

  APIs        {http}
  MQTT        {host}:{port}
  state       {state} (kept over a clean stop; --reset forgets it)
  log         {state}/polything.log
  demo tenant {state}/demo.json
    appId     {appId}
    secret    {secret}
    productId {productId}

Paste these lines into a shell, in their order. First log in:

  field() {{ sed -n "s/.*\\"$1\\" *: *\\"\\([^\\"]*\\)\\".*/\\1/p"; }}
  TOKEN=$(curl -s {http}/iocm/app/sec/v1.1.0/login -d appId={appId} -d secret={secret} | field accessToken)
  call() {{ curl -s -H "app_key: {appId}" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" "$@"; echo; }}

register a device and work out its MQTT login:

  DEVICE=$(call {http}/iocm/app/reg/v2.0.0/deviceCredentials -d '{{"deviceInfo": {{"nodeId": "meter-'$RANDOM'"}}, "productId": "{productId}", "mqttConnect": true}}')
  ID=$(echo "$DEVICE" | field deviceId) HOUR=$(date -u +%Y%m%d%H)
  PASSWORD=$(printf %s "$(echo "$DEVICE" | field secret)" | openssl dgst -sha256 -hmac $HOUR | sed 's/.* //')

have its data pushed to you (something must listen on port 9999):

  call {http}/iocm/app/sub/v1.2.0/subscriptions -d '{{"notifyType": "deviceDataChanged", "callbackUrl": "http://127.0.0.1:9999/"}}'

report as the device, then stay connected and wait for commands (with Mosquitto's clients; `make demo`
needs none):

  mosquitto_pub -h {host} -p {port} -q 1 -i ${{ID}}_0_0_$HOUR -u $ID -P $PASSWORD -t /huawei/v1/devices/$ID/data/json -m '{{"msgType": "deviceReq", "data": [{{"serviceId": "Meter", "serviceData": {{"level": 40, "flow": 1.5}}}}]}}'
  mosquitto_sub -h {host} -p {port} -q 1 -i ${{ID}}_0_0_$HOUR -u $ID -P $PASSWORD -t /huawei/v1/devices/$ID/command/json &

read what it reported, and send it a command:

  call "{http}/iocm/app/dm/v1.4.0/devices/$ID"
  call {http}/iocm/app/cmd/v1.4.0/deviceCommands -d '{{"deviceId": "'$ID'", "command": {{"serviceId": "Meter", "method": "SET_LEVEL", "paras": {{"value": 70}}}}}}'

see the same device through the other systems (all credentials are in {state}/demo.json):

  XTOKEN=$(curl -s {http}/v2/accesskey_auth -d '{{"id": "{access_key}", "secret": "{access_secret}"}}' | field access_token)
  curl -s {http}/v2/product/{productId}/devices -H "Access-Token: $XTOKEN" -d '{{"limit": 1}}'; echo
  STOKEN=$(curl -s {http}/iot-platform/auth/v1/token -d '{{"key": "{appId}", "secret": "{secret}"}}' | field token)
  curl -s "{http}/iot-platform/device-shadow-server/v1/get?productId={short_id}&deviceId=$ID" -H "auth-token: $STOKEN"; echo
  sign() {{ printf 'POST\\n*/*\\n\\napplication/json\\n\\n%s' $1 | openssl dgst -sha256 -hmac {feiyan_secret} -binary | base64; }}
  feiyan() {{ curl -s {http}$1 -H "Content-Type: application/json" -H "X-Ca-Key: {feiyan_key}" -H "X-Ca-Signature: $(sign $1)" -d "$2"; echo; }}
  CTOKEN=$(feiyan /cloud/token '{{"id": "1", "version": "1.0", "request": {{"apiVer": "1.0.1"}}, "params": {{"grantType": "project", "res": "{appId}"}}}}' | field cloudToken)
  feiyan /cloud/thing/properties/get '{{"id": "2", "version": "1.0", "request": {{"apiVer": "1.0.2", "cloudToken": "'$CTOKEN'"}}, "params": {{"iotId": "'$ID'"}}}}'

The demo application may make {rate} calls a minute; another one {default}, until `application set-rate`.
Ctrl-C stops it.
"""  # noqa: E501 -- a line to paste must stay one line


def instructions(demo: dict[str, Any], state: Path) -> str:
    """The text for standard output."""
    from chalicelib.core.flow import DEFAULT_LIMIT

    return _TEXT.format(
        http=demo["http"],
        host=demo["mqtt"]["host"],
        port=demo["mqtt"]["port"],
        state=state,
        rate=RATE,
        default=DEFAULT_LIMIT,
        access_key=demo["xlink"]["accessKeyId"],
        access_secret=demo["xlink"]["accessKeySecret"],
        short_id=demo["shadow"]["productId"],
        feiyan_key=demo["feiyan"]["appKey"],
        feiyan_secret=demo["feiyan"]["appSecret"],
        **demo["huawei"],
    )
