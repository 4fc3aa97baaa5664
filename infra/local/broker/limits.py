"""The one table of what IoT Core allows, and where it leaves the MQTT specification.

`AWS` holds the numbers of the AWS General Reference (IoT Core endpoints and quotas) and the developer
guide's "differences from MQTT specifications"; `LENIENT` lifts them for devices of other clouds.
A field whose comment says "ours" is a guard of this broker, not a published AWS number.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MAX_MQTT_STRING = 65_535
"""What a two-byte length can say: MQTT's own bound of user name, password, topic and client id."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and switches the broker obeys. Sizes are bytes of UTF-8, times are seconds.

    topic_slashes: most `/` in a topic or topic filter.
    topic_bytes: longest topic or topic filter.
    message_bytes: largest payload of a PUBLISH; a larger one ends the connection.
    connect_bytes: largest CONNECT packet. AWS publishes no number of its own for user name and
        password: they are bounded by MQTT's 65,535 bytes each and by this.
    client_id_bytes: longest client id; a longer one is refused with CONNACK 2.
    client_id_dollar: whether a client id may start with `$`, which AWS keeps for generated ids.
    filters_per_subscribe: most topic filters in one SUBSCRIBE; more end the connection.
    subscriptions: most subscriptions of one connection; one more ends the connection.
    publish_qos: highest QoS a client may publish (or leave a will) with; above it the link is cut.
    reserved_topics: whether publishing to `$…` ends the connection and subscribing to `$…` outside
        `$aws/` fails. Otherwise such a publish is acknowledged and dropped, never routed.
    keep_alive_min, keep_alive_max: what a requested keep-alive is raised or cut to. A request of 0
        means keep_alive_max; where that is 0 too, the connection has no keep-alive.
    inbound_unacked: publishes of one client accepted but not acknowledged yet; at the limit the
        broker reads no more of that client until one is acknowledged.
    outbound_unacked: QoS 1 messages sent to one client without its PUBACK; further ones wait.
    session_expiry: how long a persistent session (and the version number of the presence events)
        outlives its connection.
    disconnect_after_min, disconnect_after_max: allowed `disconnectAfterInSeconds` and
        `refreshAfterInSeconds` of the authorizer's answer.
    policy_documents, policy_chars: most policies in the authorizer's answer, and the length of each
        as JSON without white space.
    principal_id_alphanumeric: whether `principalId` must match `[a-zA-Z0-9]{1,128}`.
    authorizer_timeout: seconds the authorizer function may take.
    direct_timeout_max: longest `timeout` of SendDirectMessage.
    hash_matches_parent: whether `a/#` also matches `a`, as MQTT says and IoT Core does not.
    retained_on_wildcards: whether a wildcard subscription gets retained messages, likewise.
    connect_timeout: ours; seconds a new connection has to send its CONNECT.
    queued_messages: ours; QoS 1 messages waiting for one client. Beyond it, an offline session drops
        new ones and an online client is disconnected.
    outbound_buffer: ours; bytes written but not taken by the client. Beyond it QoS 0 is dropped.
    """

    topic_slashes: int
    topic_bytes: int
    message_bytes: int
    connect_bytes: int
    client_id_bytes: int
    client_id_dollar: bool
    filters_per_subscribe: int
    subscriptions: int
    publish_qos: int
    reserved_topics: bool
    keep_alive_min: int
    keep_alive_max: int
    inbound_unacked: int
    outbound_unacked: int
    session_expiry: float
    disconnect_after_min: int
    disconnect_after_max: int
    policy_documents: int
    policy_chars: int
    principal_id_alphanumeric: bool
    authorizer_timeout: float
    direct_timeout_max: int
    hash_matches_parent: bool
    retained_on_wildcards: bool
    connect_timeout: float
    queued_messages: int
    outbound_buffer: int

    def keep_alive(self, requested: int) -> int:
        """The keep-alive the broker applies, in seconds; 0 means none."""
        if requested == 0 or (self.keep_alive_max and requested > self.keep_alive_max):
            return self.keep_alive_max
        return max(requested, self.keep_alive_min)

    @property
    def packet_bytes(self) -> int:
        """Largest remaining length of any packet: nothing longer is even buffered."""
        publish_header = 2 + self.topic_bytes + 2
        return max(self.connect_bytes, self.message_bytes + publish_header)


AWS = Limits(
    topic_slashes=7,
    topic_bytes=256,
    message_bytes=128 * KIB,
    connect_bytes=128 * KIB,
    client_id_bytes=128,
    client_id_dollar=False,
    filters_per_subscribe=8,
    subscriptions=50,
    publish_qos=1,
    reserved_topics=True,
    keep_alive_min=30,
    keep_alive_max=1200,
    inbound_unacked=100,
    outbound_unacked=100,
    session_expiry=3600,
    disconnect_after_min=300,
    disconnect_after_max=86_400,
    policy_documents=10,
    policy_chars=2048,
    principal_id_alphanumeric=True,
    authorizer_timeout=5,
    direct_timeout_max=15,
    hash_matches_parent=False,
    retained_on_wildcards=False,
    connect_timeout=5,
    queued_messages=1000,
    outbound_buffer=1024 * KIB,
)

LENIENT = Limits(
    topic_slashes=MAX_MQTT_STRING,
    topic_bytes=MAX_MQTT_STRING,
    message_bytes=16 * 1024 * KIB,
    connect_bytes=4 * MAX_MQTT_STRING + KIB,
    client_id_bytes=MAX_MQTT_STRING,
    client_id_dollar=True,
    filters_per_subscribe=10_000,
    subscriptions=10_000,
    publish_qos=2,
    reserved_topics=False,
    keep_alive_min=0,
    keep_alive_max=0,
    inbound_unacked=1000,
    outbound_unacked=1000,
    session_expiry=7 * 24 * 3600,
    disconnect_after_min=1,
    disconnect_after_max=2**31,
    policy_documents=1000,
    policy_chars=1_000_000,
    principal_id_alphanumeric=False,
    authorizer_timeout=60,
    direct_timeout_max=3600,
    hash_matches_parent=True,
    retained_on_wildcards=True,
    connect_timeout=30,
    queued_messages=10_000,
    outbound_buffer=4 * 1024 * KIB,
)
