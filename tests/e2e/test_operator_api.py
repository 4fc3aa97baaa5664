"""The operator's API over real HTTP: a key from the command line makes all that an app needs."""

import io
import json
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from typing import Any

from infra.local.clients import App
from tests.e2e.conftest import DEVICES
from tests.e2e.test_operator import admin
from tests.local_cloud import CloudProcess
from tests.support.fleet import METER

BASE = "/operator/v1"


@dataclass
class Client:
    url: str
    key: str

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Status and body."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        request = urllib.request.Request(self.url + BASE + path, data, headers, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        devices, services = ({name: METER[name]} for name in ("devices", "services"))
        archive.writestr("profile/devicetype-capability.json", json.dumps(devices))
        archive.writestr("service/Meter/profile/servicetype-capability.json", json.dumps(services))
    return target.getvalue()


def test_from_the_first_key_to_a_device(cloud: CloudProcess) -> None:
    made = admin(cloud, "operator", "create", "--name", "Ann")
    operator = Client(cloud.http, made["key"])
    status, tenant = operator.call("POST", "/tenants", {"name": "Acme"})
    assert status == 201
    path = f"/tenants/{tenant['id']}"
    _, application = operator.call("POST", f"{path}/applications", {"name": "Billing"})
    status, product = operator.call("POST", f"{path}/products?format=huawei", zipped(), "application/zip")
    assert (status, product["model"]) == (201, "M1")
    app = App(cloud.http, application["id"], application["secret"])
    app.login()
    body = {"deviceInfo": {"nodeId": "meter-1"}, "productId": product["id"]}
    device = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body)["deviceId"]
    assert app.get(f"{DEVICES}/{device}")["deviceId"] == device
    _, found = operator.call("GET", f"{path}/devices?id=meter-1")
    assert [each["id"] for each in found["devices"]] == [device]
    status, refused = operator.call("DELETE", f"/products/{product['id']}?dryRun=true")
    assert (status, refused["code"]) == (409, "product-in-use")
    status, job = operator.call("POST", "/replays/dead-letters")
    assert status == 202
    cloud.wait_idle()
    assert operator.call("GET", f"/jobs/{job['id']}")[1]["state"] == "done"
    _, log = operator.call("GET", "/audit?limit=200")
    actions = [each["action"] for each in log["entries"] if each["operator"] == made["id"]]
    assert actions == [
        "callback.replay-dead-letters",
        "product.import",
        "application.create",
        "tenant.create",
    ]
    admin(cloud, "operator", "revoke", made["id"])
    assert admin(cloud, "audit", "list", "--limit", 1)["entries"][0]["action"] == "operator.revoke"
