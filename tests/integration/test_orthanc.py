"""Debian's Orthanc stores and serves what an archive becomes."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pydicom
import pytest
from helpers.ports import free_ports
from helpers.shipped import shipped
from pydicom.encaps import generate_frames

import dcmturbo as dt

ORTHANC = shutil.which("Orthanc")
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(ORTHANC is None, reason="Orthanc is not installed (apt-get install orthanc)"),
]

FILES = ("CT_small.dcm", "MR_small.dcm", "SC_rgb_16bit.dcm", "examples_ybr_color.dcm", "MR2_J2KR.dcm", "emri_small.dcm")
# What this Orthanc (1.10) has decoders for, besides the native syntaxes.
DECODED = ("ExplicitVRLittleEndian", "RLELossless", "JPEGLosslessSV1", "JPEGLSLossless")
TARGETS = (*DECODED, "JPEG2000Lossless", "HTJ2KLossless", "JPEGXLLossless", "DeflatedExplicitVRLittleEndian")


class Server:
    def __init__(self, port):
        self.root = f"http://127.0.0.1:{port}"

    def call(self, path, data=None, method=None):
        request = urllib.request.Request(self.root + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def store(self, data):
        answer = json.loads(self.call("/instances", data))
        assert answer["Status"] == "Success", answer
        return answer["ID"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orthanc")
    ports = free_ports(2)
    settings = {
        "Name": "test", "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "index"),
        "HttpPort": ports[0], "DicomPort": ports[1], "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "Plugins": [], "OverwriteInstances": True,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([ORTHANC, str(folder / "orthanc.json")], stdout=log, stderr=log)
    found = Server(ports[0])
    deadline = time.monotonic() + 60
    while True:
        try:
            found.call("/system")
            break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield found
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name in FILES:
        shutil.copy(shipped(name), folder / name)
    return folder


@pytest.mark.parametrize("target", TARGETS)
def test_it_stores_and_serves_what_we_write(server, source, tmp_path, target):
    result = dt.transcode_archive(source, tmp_path / "out", target)
    assert result.is_complete, result.failures
    for name in FILES:
        data = (tmp_path / "out" / name).read_bytes()
        before = pydicom.dcmread(source / name)
        after = pydicom.dcmread(tmp_path / "out" / name)
        identifier = server.store(data)
        assert server.call(f"/instances/{identifier}/file") == data
        tags = json.loads(server.call(f"/instances/{identifier}/simplified-tags"))
        assert tags["SOPInstanceUID"] == before.SOPInstanceUID  # nothing was lost: it is the same instance
        assert tags["Rows"] == str(before.Rows)
        header = json.loads(server.call(f"/instances/{identifier}/header?simplify"))
        assert header["TransferSyntaxUID"] == after.file_meta.TransferSyntaxUID
        frames = int(before.get("NumberOfFrames", 1))
        assert len(json.loads(server.call(f"/instances/{identifier}/frames"))) == frames
        if "ExplicitVRLittleEndian" not in target:
            ours = list(generate_frames(after.PixelData, number_of_frames=frames))
            assert server.call(f"/instances/{identifier}/frames/{frames - 1}/raw") == ours[-1]
        if target in DECODED and before.SamplesPerPixel == 1:
            assert server.call(f"/instances/{identifier}/preview").startswith(b"\x89PNG")
        server.call(f"/instances/{identifier}", method="DELETE")
