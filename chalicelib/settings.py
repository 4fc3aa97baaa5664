"""What the operator sets, read from the environment once per process.

Every variable is documented in docs/settings.md; a test holds the two together.
"""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Settings:
    """The process's settings; field comments give the environment variable."""

    stage: str  # POLYTHING_STAGE
    prefix: str  # POLYTHING_PREFIX: tables and queues are named <prefix>-<name>
    region: str  # AWS_REGION
    account: str  # POLYTHING_ACCOUNT: the AWS account id, part of IoT policies
    queue_base: str  # POLYTHING_QUEUE_BASE: queue URLs are <base>/<prefix>-<name>
    packages: str  # POLYTHING_PACKAGES: the bucket of version packages
    kms_key: str  # POLYTHING_KMS_KEY: ARN of the KMS key that wraps the data keys of the keyring
    data_key: str  # POLYTHING_DATA_KEY: base64 of a KMS-wrapped data key, or "local:" and base64 of 32 bytes
    callback_allow: tuple[str, ...]  # POLYTHING_CALLBACK_ALLOW: networks (CIDR) that callbacks may reach
    deep_topics: bool  # POLYTHING_DEEP_TOPICS: "yes" where the broker takes topics of more than 7 slashes
    code_sender: str  # POLYTHING_CODE_SENDER: "log" or the ARN of an SNS topic; login codes go there
    mqtt_endpoint: str  # POLYTHING_MQTT_ENDPOINT: URL of the MQTT broker, as apps are told


@cache
def settings() -> Settings:
    env = os.environ
    stage = env.get("POLYTHING_STAGE", "dev")
    prefix = env.get("POLYTHING_PREFIX", f"polything-{stage}")
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION", "us-east-1")
    account = env.get("POLYTHING_ACCOUNT", "000000000000")
    return Settings(
        stage=stage,
        prefix=prefix,
        region=region,
        account=account,
        packages=env.get("POLYTHING_PACKAGES") or f"{prefix}-packages-{account}-{region}",
        queue_base=env.get("POLYTHING_QUEUE_BASE", "").rstrip("/"),
        kms_key=env.get("POLYTHING_KMS_KEY", ""),
        data_key=env.get("POLYTHING_DATA_KEY", ""),
        deep_topics=env.get("POLYTHING_DEEP_TOPICS", "") == "yes",
        code_sender=env.get("POLYTHING_CODE_SENDER", ""),
        mqtt_endpoint=env.get("POLYTHING_MQTT_ENDPOINT", ""),
        callback_allow=tuple(
            part.strip() for part in env.get("POLYTHING_CALLBACK_ALLOW", "").split(",") if part.strip()
        ),
    )
