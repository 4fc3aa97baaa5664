"""The deployed stage that is looked at, and the throw-away product and devices on it."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import boto3

from infra.deploy import build, stacks
from infra.deploy.errors import DeployError
from infra.local.clients import App, Device
from infra.local.demo import DEVICES, REGISTRATION

TENANT = "polything-verify"
PROFILE = {
    "devices": [
        {
            "manufacturerId": "verify",
            "manufacturerName": "Verify",
            "protocolType": "MQTT",
            "deviceType": "Meter",
            "model": "",
            "serviceTypeCapabilities": [
                {"serviceId": "Meter", "serviceType": "Meter", "option": "Mandatory"}
            ],
        }
    ],
    "services": [
        {
            "serviceType": "Meter",
            "properties": [
                {"propertyName": "level", "dataType": "int", "min": "0", "max": "100", "method": "RWE"}
            ],
            "commands": [
                {
                    "commandName": "SET_LEVEL",
                    "paras": [
                        {"paraName": "value", "dataType": "int", "required": True, "min": "0", "max": "100"}
                    ],
                }
            ],
        }
    ],
}


@dataclass
class Stage:
    """`url` and `mqtt` are found in the stacks where they are not given; `key` is an operator's."""

    name: str
    key: str = ""
    url: str = ""
    mqtt: str = ""
    since: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    product: str = ""
    app: App | None = None
    made: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prefix = build.prefix_of(self.name)
        self._session: Any = boto3.Session()
        if not self._session.region_name or self._session.get_credentials() is None:
            raise DeployError(
                "set AWS_DEFAULT_REGION and AWS_PROFILE (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), "
                "and POLYTHING_OPERATOR_KEY for the checks that make devices"
            )

    def client(self, service: str) -> Any:
        return self._session.client(service)

    def find(self) -> None:
        """Read the stacks. Raises DeployError where nothing is deployed."""
        cloudformation = self.client("cloudformation")
        for stack in (self.prefix, f"{self.prefix}-data", f"{self.prefix}-edge"):
            try:
                self.outputs |= stacks.outputs(cloudformation, stack)
            except DeployError:
                continue
        if not self.outputs:
            raise DeployError(f"no stack of {self.prefix} is deployed here: make deploy STAGE={self.name}")
        if not self.url:
            region, api = self._session.region_name, self.api()
            stage = build.stages()[self.name]["api_gateway_stage"]
            self.url = f"https://{api}.execute-api.{region}.amazonaws.com/{stage}"

    def parameters(self) -> dict[str, str]:
        """Those of the stack that holds the edge."""
        found: dict[str, str] = {}
        for stack in (self.prefix, f"{self.prefix}-edge"):
            try:
                [described] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
            except self.client("cloudformation").exceptions.ClientError:
                continue
            found |= {
                each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])
            }
        return found

    def api(self) -> str:
        """The id of the REST API."""
        return str(self.outputs.get("RestAPIId") or self.parameters()["RestApi"])

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer, whatever the status."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - our own stage
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _read(error.read())

    def operate(self, method: str, path: str, body: Any = None) -> Any:
        """One of the operator's operations. Raises DeployError where it is refused."""
        auth = {"Authorization": f"Bearer {self.key}"}
        status, answer = self.call(method, f"/operator/v1{path}", body, **auth)
        if status >= 300:
            raise DeployError(f"{method} {path} was answered {status}: {answer}")
        return answer

    def furnish(self) -> App:
        """The application, logged in, with a product of its own. The tenant stays: it is used again."""
        if self.app is not None:
            return self.app
        tenants = self.operate("GET", "/tenants")["tenants"]
        found = [each["id"] for each in tenants if each["name"] == TENANT]
        tenant = found[0] if found else self.operate("POST", "/tenants", {"name": TENANT})["id"]
        held = self.operate("GET", f"/tenants/{tenant}/applications")["applications"]
        if held:
            ident = held[0]["id"]
            secret = self.operate("POST", f"/applications/{ident}/secret")["secret"]
        else:
            made = self.operate("POST", f"/tenants/{tenant}/applications", {"name": "verify"})
            ident, secret = made["id"], made["secret"]
        profile = json.loads(json.dumps(PROFILE))
        profile["devices"][0]["model"] = f"V{self.since}"
        made = self.operate("POST", f"/tenants/{tenant}/products?format=huawei&name=verify", profile)
        self.product = made["id"]
        self.app = App(self.url, ident, secret)
        self.app.login()
        return self.app

    def device(self) -> Device:
        """A new one, not connected."""
        return self.client_of(*self.register())

    def register(self) -> tuple[str, str]:
        """Id and secret of a new device."""
        app = self.furnish()
        name = f"verify-{time.time_ns()}"
        made = app.post(
            REGISTRATION, {"deviceInfo": {"nodeId": name}, "productId": self.product, "mqttConnect": True}
        )
        self.made.append(made["deviceId"])
        return made["deviceId"], made["secret"]

    def client_of(self, device: str, secret: str) -> Device:
        host, _, port = self.endpoint().partition(":")
        made = Device((host, int(port)), device, secret)
        if not self.mqtt:
            made._client.tls_set()
        return made

    def endpoint(self) -> str:
        """Host and port of MQTT: the stage's own domain, else IoT Core's."""
        if self.mqtt:
            return self.mqtt
        domain = self.parameters().get("MqttDomainName")
        if not domain:
            endpoint = self.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
            domain = endpoint["endpointAddress"]
        return f"{domain}:8883"

    def clear(self) -> None:
        """Remove what was made, even where a check failed."""
        if self.app is None:
            return
        for device in self.made:
            self.app.delete(f"{DEVICES}/{device}")
        self.made.clear()
        if self.product:
            self.operate("DELETE", f"/products/{self.product}")
            self.product = ""


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")[:200]
