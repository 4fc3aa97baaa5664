"""What a stage looks like once it is deployed: read, nothing is made."""

import json
import urllib.error
import urllib.request
from typing import Any

from infra.deploy import templates
from infra.deploy.deployment import STATE
from infra.local.template import DATA, resources
from infra.verify.checks import Check, Skipped, require
from infra.verify.stage import Stage

LARGE = 11 * 1024 * 1024  # bytes: API Gateway takes 10 MB
GOOD = {"OK", "INSUFFICIENT_DATA"}
# what no dialect serves, as each answers it: the status and what its error holds
NOWHERE = (
    ("GET", "/iocm/app/nowhere", 404, {"error_code", "error_desc"}),
    ("DELETE", "/iocm/app/sec/v1.1.0/login", 405, {"error_code", "error_desc"}),
    ("GET", "/v2/nowhere", 404, {"error"}),
    ("PATCH", "/v2/corp_auth", 404, {"error"}),
    ("POST", "/cloud/nowhere", 404, {"id", "code", "message", "localizedMsg", "data"}),
    ("PUT", "/cloud/token", 404, {"id", "code", "message", "localizedMsg", "data"}),
    ("GET", "/aep_device_command_lwm_profile/nowhere", 404, {"code", "msg"}),
    ("PATCH", "/echo", 404, {"code", "msg"}),
    ("GET", "/iot-platform/nowhere", 404, {"code", "err_code", "msg", "result"}),
    ("DELETE", "/iot-platform/auth/v1/token", 405, {"code", "err_code", "msg", "result"}),
    ("GET", "/operator/v1/nowhere", 404, {"type", "title", "status", "code"}),
    ("DELETE", "/operator/v1/me", 405, {"type", "title", "status", "code"}),
)


def api_answers(stage: Stage) -> str:
    status, document = stage.call("GET", "/openapi.json")
    require(status == 200, f"/openapi.json was answered {status}")
    require("/operator/v1/me" in document.get("paths", {}), "/openapi.json names no operations")
    for method, path, wanted, parts in NOWHERE:
        status, answer = stage.call(method, path)
        require(status == wanted, f"{method} {path} was answered {status}, not {wanted}")
        require(isinstance(answer, dict) and set(answer) == parts, f"{method} {path}: {answer}")
    return f"{stage.url} answers unknown paths and wrong verbs as each dialect does"


def gateway_responses(stage: Stage) -> str:
    declared = {
        each["Properties"]["ResponseType"]: each["Properties"]["ResponseTemplates"]
        for each in templates.load(templates.EDGE)["Resources"].values()
        if each["Type"] == "AWS::ApiGateway::GatewayResponse"
    }
    listed = stage.client("apigateway").get_gateway_responses(restApiId=stage.api(), limit=500)["items"]
    held = {each["responseType"]: each.get("responseTemplates") for each in listed}
    for kind, shapes in declared.items():
        require(held.get(kind) == shapes, f"{kind} is not as declared: {held.get(kind)}")
    if "amazonaws.com" not in stage.url:
        raise Skipped("as declared; only API Gateway itself answers a body over 10 MB")
    status, answer = stage.call("POST", "/iocm/app/reg/v2.0.0/deviceCredentials", b"x" * LARGE)
    require(status == 413, f"a body of 11 MB was answered {status}")
    parts = {"error_code", "error_desc", "code", "msg"}
    require(isinstance(answer, dict) and set(answer) == parts, f"a body of 11 MB: {answer}")
    return "as declared; a body of 11 MB is answered 413 in the shapes of Huawei and CTWing"


def http_domain(stage: Stage) -> str:
    domain = stage.parameters().get("HttpDomainName")
    if not domain:
        raise Skipped("no HttpDomainName is configured")
    found = stage.client("apigateway").get_domain_name(domainName=domain)
    require("REGIONAL" in found["endpointConfiguration"]["types"], "the domain is not REGIONAL")
    if "amazonaws.com" not in stage.url:
        raise Skipped(f"{domain} is REGIONAL; its name is not known outside of AWS")
    try:
        with urllib.request.urlopen(f"https://{domain}/openapi.json", timeout=30) as answer:
            return f"{domain} answers {answer.status}"
    except urllib.error.URLError as error:
        raise Skipped(f"{domain} cannot be reached: {error.reason}") from error


def api_kept(stage: Stage) -> str:
    if "RestAPIId" in stage.outputs:
        raise Skipped("deployed by one template: CloudFormation keeps the API")
    bucket = stage.outputs["DeployBucket"]
    kept = stage.client("s3").get_object(Bucket=bucket, Key=STATE.format(stage=stage.name))
    state = {each["name"]: each for each in json.loads(kept["Body"].read())["resources"]}
    told = state["rest_api"]["rest_api_id"]
    require(told == stage.api(), f"the state names the API {told}, the edge {stage.api()}")
    stage.client("apigateway").get_rest_api(restApiId=told)
    return f"state, edge and account agree on {told}"


def alarms(stage: Stage) -> str:
    pages = (
        stage.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stage.prefix}-")
    )
    found = {each["AlarmName"]: each["StateValue"] for page in pages for each in page["MetricAlarms"]}
    require(found, "there is no alarm")
    ringing = sorted(name for name, state in found.items() if state not in GOOD)
    require(not ringing, f"in alarm: {', '.join(ringing)}")
    return f"{len(found)} alarms, none in alarm"


def tables(stage: Stage) -> str:
    dynamodb = stage.client("dynamodb")
    declared = [
        each.properties for each in resources(DATA, Prefix=stage.prefix) if each.type.endswith("::Table")
    ]
    for table in declared:
        name = table["TableName"]
        held: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
        require(held["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", f"{name} is not on demand")
        if "TimeToLiveSpecification" in table:
            ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
            require(ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"), f"{name} has no TTL")
        if "PointInTimeRecoverySpecification" in table:
            backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            status = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
            if status != "ENABLED" and stage.mqtt:
                raise Skipped("an emulator keeps no point-in-time recovery; the rest is as declared")
            require(status == "ENABLED", f"{name} has no point-in-time recovery")
    return f"{len(declared)} tables"


def sources(stage: Stage) -> str:
    pages = stage.client("lambda").get_paginator("list_event_source_mappings").paginate()
    mappings = [each for page in pages for each in page["EventSourceMappings"]]
    ours = [each for each in mappings if stage.prefix in each["EventSourceArn"]]
    disabled = sorted(each["EventSourceArn"] for each in ours if each["State"] not in ("Enabled", "Enabling"))
    require(not disabled, f"not enabled: {', '.join(disabled)}")
    streams = [each for each in ours if "/stream/" in each["EventSourceArn"]]
    require(len(streams) == 1, f"{len(streams)} streams are read, not one")
    lost = streams[0].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    require(lost.endswith("dispatch-failures"), "the stream's failures go nowhere")
    return f"{len(ours)} sources enabled"


DEPLOYED = (
    Check("api-answers", "Greedy routes with all verbs through API Gateway", "the URL", api_answers),
    Check("gateway-responses", "Gateway responses, failure destinations and alarms", "", gateway_responses),
    Check("http-domain", "The HTTP domain's DNS name and the API without a stage", "a domain", http_domain),
    Check("api-kept", "That Chalice updates the API it made", "two deployments", api_kept),
    Check("alarms", "What the alarms do with data that is missing", "", alarms),
    Check("tables", "TTL, point-in-time recovery, on-demand scaling", "", tables),
    Check("sources", "Streams: order within a device, batches after a failure", "", sources),
)
