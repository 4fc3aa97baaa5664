"""`make package`: one template and one zip, from which CloudFormation alone makes a stage."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from chalicelib.web import docs
from infra.deploy import templates
from infra.deploy.errors import DeployError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("app.py", "chalicelib", "requirements.txt")  # what becomes a Lambda function
CONFIG = ".chalice"
MOST_ZIP = 25 * 1024 * 1024  # bytes
ZIP, TEMPLATE = "deployment.zip", "template.yaml"
REGION = "us-east-1"  # Chalice asks for one; the template names none


def stages() -> dict[str, Any]:
    """The stages of `.chalice/config.json`."""
    found: dict[str, Any] = json.loads((ROOT / CONFIG / "config.json").read_text(encoding="utf-8"))["stages"]
    return found


def prefix_of(stage: str) -> str:
    """What the names of the stage's tables, queues and stacks begin with. Raises DeployError."""
    known = stages()
    if stage not in known:
        raise DeployError(f"there is no stage {stage}: .chalice/config.json has {', '.join(known)}")
    prefix: str = known[stage]["environment_variables"]["POLYTHING_PREFIX"]
    return prefix


def project(folder: Path) -> None:
    """A copy of what Chalice needs, and of nothing else, so that no local file is ever shipped."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", "deployed", "deployments")
    for name in (*SHIPPED, CONFIG):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=unwanted)
        else:
            shutil.copy(source, folder / name)
    assets = folder / docs.ASSETS.relative_to(ROOT)
    assets.mkdir(exist_ok=True)
    for source in docs.sources():
        shutil.copy(source, assets)


def chalice(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Chalice's command line in the folder; answers what it printed. Raises DeployError."""
    command = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())", *arguments]
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "AWS_DEFAULT_REGION": region, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise DeployError(f"chalice {' '.join(arguments)} failed: {_reason(ran.stderr or ran.stdout)}")
    return ran.stdout


def _reason(printed: str) -> str:
    """What Chalice says at the end, without the traceback before it."""
    _, found, reason = printed.rpartition("ERROR - ")
    return " ".join((reason if found else printed.strip().splitlines()[-1]).split())


def package(stage: str, out: Path) -> Path:
    """Write template and zip into `out`; answers the template. Raises DeployError."""
    prefix = prefix_of(stage)
    with tempfile.TemporaryDirectory(prefix="polything-") as temporary:
        folder, packed = Path(temporary) / "project", Path(temporary) / "packed"
        folder.mkdir()
        project(folder)
        chalice(folder, "package", "--stage", stage, str(packed))
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(packed / ZIP, out / ZIP)
        packaged = json.loads((packed / "sam.json").read_text(encoding="utf-8"))
    _check_zip(out / ZIP)
    if templates.api_resources(packaged) > templates.MOST_API_RESOURCES:
        raise DeployError(f"the API has more than {templates.MOST_API_RESOURCES} resources")
    template = out / TEMPLATE
    try:
        template.write_text(templates.text(templates.compose(prefix, packaged)), encoding="utf-8")
    except ValueError as error:
        raise DeployError(str(error)) from error
    return template


def _check_zip(path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_ZIP:
        raise DeployError(f"{ZIP} has {size} bytes, more than {MOST_ZIP}")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    strangers = [name for name in names if name.startswith(("tests/", "infra/", ".chalice/", ".local/"))]
    if strangers:
        raise DeployError(f"{ZIP} holds {strangers[0]}, which no function needs")
