"""A broker of Apache Kafka of a suite's own: a node in KRaft mode on ports that the system chose, in a temporary folder."""
import base64
import pathlib
import shutil
import socket
import subprocess
import tempfile
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError

import languages
from harness import eventually

HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
"""


class Broker:
    """Started on making; `stop` and `start` keep what it has."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lambent-kafka-"))
        self.process = None
        try:
            self.lib = languages.maven(HERE / "pom.xml", "kafka")
            # Both are taken until both are known, so that they differ.
            with socket.socket() as one, socket.socket() as other:
                one.bind(("127.0.0.1", 0))
                other.bind(("127.0.0.1", 0))
                port, controller = one.getsockname()[1], other.getsockname()[1]
            self.address = f"127.0.0.1:{port}"
            self.settings = self.folder / "server.properties"
            self.settings.write_text(SETTINGS.format(port=port, controller=controller, folder=self.folder))
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.settings)),
                           check=True, capture_output=True)
            self.start()
        except BaseException:
            self.remove()
            raise

    def java(self, program, *arguments):
        return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{self.lib}/*", program, *arguments]

    def start(self):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(self.java("kafka.Kafka", str(self.settings)), stdout=output, stderr=output)

        def answers():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            try:
                self.admin = KafkaAdminClient(bootstrap_servers=self.address)
                return self.admin.list_topics() is not None
            except Exception:
                return False
        eventually(answers, "the broker", 120)
        self.producer = KafkaProducer(bootstrap_servers=self.address, acks="all", max_request_size=2**23)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.admin.close()
            self.producer.close(timeout=1)
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def topic(self, name, partitions=1, **configs):
        settings = {"num_partitions": partitions, "replication_factor": 1}
        self.admin.create_topics({name: {**settings, "configs": configs}}, wait_for_metadata=True)
        return name

    def send(self, topic, value, partition=0, **more):
        """Resolves when the broker has it; gives its offset."""
        value = value.encode() if isinstance(value, str) else value
        return self.producer.send(topic, value=value, partition=partition, **more).get(timeout=30).offset

    def messages(self, topic):
        """What is in a topic's first partition, key and value."""
        consumer = KafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, 0)])
        found = consumer.poll(timeout_ms=5000)
        consumer.close()
        return [(record.key, record.value) for records in found.values() for record in records]

    def committed(self, group, topic, partition=0):
        """The offset that a group goes on at, or None."""
        at = TopicPartition(topic, partition)
        try:
            offsets = self.admin.list_group_offsets({group: [at]})
        except CoordinatorNotAvailableError:
            # Nobody has committed anything in this cluster.
            return None
        found = offsets[group][at].offset if at in offsets.get(group, {}) else -1
        return found if found >= 0 else None
