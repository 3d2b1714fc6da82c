"""``validate_setup.sh`` on machines that lack something, and on one that lacks nothing.

docker, nvidia-smi and df are made up; ports, folders and everything else are real.
"""

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from scripts.services import PORTS
from tests.live import ROOT, LiveService
from tests.machines import Machine

SPARK_MEMINFO = ROOT / "tests" / "unit" / "memory" / "recorded" / "spark_meminfo.txt"

DOCKER = """
case "$*" in
  *DockerRootDir*) echo /tmp ;;
  *Runtimes*) echo "io.containerd.runc.v2 nvidia runc " ;;
  *OperatingSystem*) echo "Ubuntu 24.04.3 LTS [name=apparmor name=seccomp,profile=builtin]" ;;
  *FirewallBackend*) echo iptables ;;
  info*) echo 28.3.3 ;;
  "compose version --short") echo 2.39.1 ;;
  volume*) ;;
  *) exit 1 ;;
esac"""

SMI = """echo "| NVIDIA-SMI {driver}    Driver Version: {driver}    CUDA Version: {cuda}     |" """

DF = """echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "/dev/nvme0n1p2 3844511104 1 {kilobytes} 1% /" """


@pytest.fixture
def spark(tmp_path: Path) -> Machine:
    """A machine on which all is well; the tests take away from it."""
    machine = Machine(tmp_path)
    for folder in ("models", "outputs", "state"):
        (tmp_path / folder).mkdir()
        machine.settings[f"{folder.upper()}_DIR"] = str(tmp_path / folder)
    machine.settings |= {f"{name.upper()}_PORT": str(_free_port()) for name in PORTS}
    machine.settings["ENV_FILE"] = str(tmp_path / "env")
    machine.settings["MEMINFO"] = str(SPARK_MEMINFO)
    machine.fake("docker", DOCKER)
    machine.fake("nvidia-smi", SMI.format(driver="580.159.03", cuda="13.0"))
    machine.fake("df", DF.format(kilobytes=3 * 10**9))
    machine.fake("python3", "echo Python 3.12.3")
    machine.fake("make", "")
    return machine


def check(machine: Machine, *arguments: str) -> "tuple[int, dict[str, str]]":
    """Exit status, and what failed or was warned of, with its fix."""
    done = machine.run("validate_setup.sh", *arguments)
    assert done.stderr == ""
    found = re.findall(r"^(?:FAIL|warn)  (\w+) +(.*\n +fix: .+)$", done.stdout, re.MULTILINE)
    return done.returncode, dict(found)


def test_a_spark_is_ready(spark: Machine):
    done = spark.run("validate_setup.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert "FAIL" not in done.stdout
    assert "warn" not in done.stdout
    for service in PORTS:
        assert f"is free for {service}" in done.stdout


def test_a_machine_with_nothing(tmp_path: Path):
    status, problems = check(Machine(tmp_path))
    assert status == 1
    assert {"docker", "compose", "driver", "python", "make"} <= problems.keys()


def test_a_python_that_makes_no_environments(spark: Machine):
    """Debian and Ubuntu have venv and pip in a package of their own, which `make setup` needs."""
    spark.fake("python3", '[ "$1" = --version ] && echo Python 3.12.3')
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"python"})
    assert "install python3-venv" in problems["python"]


@pytest.mark.parametrize(
    ("driver", "cuda", "named"),
    [("570.195.03", "12.8", {"driver", "cuda"}), ("580.65", "12.9", {"cuda"})],
)
def test_an_old_driver(spark: Machine, driver: str, cuda: str, named: set[str]):
    spark.fake("nvidia-smi", SMI.format(driver=driver, cuda=cuda))
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, named)
    assert "2.13.0" in problems["cuda"]


@pytest.mark.parametrize(("driver", "cuda"), [("595.84", "13.1"), ("1000.2", "14.0")])
def test_a_newer_driver(spark: Machine, driver: str, cuda: str):
    spark.fake("nvidia-smi", SMI.format(driver=driver, cuda=cuda))
    assert check(spark) == (0, {})


def test_a_driver_that_does_not_answer(spark: Machine):
    spark.fake("nvidia-smi", "echo 'NVIDIA-SMI has failed: no driver'; exit 9")
    status, problems = check(spark)
    assert status == 1
    assert "NVIDIA-SMI has failed" in problems["driver"]


def test_a_machine_without_a_gpu_says_so(spark: Machine):
    spark.fake("docker", DOCKER.replace("nvidia ", ""))
    (spark.bin / "nvidia-smi").unlink()
    assert check(spark)[0] == 1
    assert check(spark, "--no-gpu") == (0, {})


def test_docker_without_the_nvidia_runtime(spark: Machine):
    spark.fake("docker", DOCKER.replace("nvidia ", ""))
    _, problems = check(spark)
    assert "install nvidia-container-toolkit" in problems["runtime"]
    spark.fake("nvidia-ctk", "")
    _, problems = check(spark)
    assert "nvidia-ctk runtime configure" in problems["runtime"]
    assert "install" not in problems["runtime"]


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("permission denied while trying to connect", "usermod -aG docker"),
        ("Cannot connect to the Docker daemon", "systemctl enable --now docker"),
    ],
)
def test_an_engine_that_does_not_answer(spark: Machine, words: str, fix: str):
    spark.fake("docker", f"echo '{words}' >&2; exit 1")
    status, problems = check(spark)
    assert status == 1
    assert fix in problems["docker"]
    assert "compose" in problems


def test_the_old_compose_is_enough(spark: Machine):
    spark.fake("docker", DOCKER.replace('"compose version --short") echo 2.39.1 ;;', ""))
    assert check(spark)[0] == 1
    spark.fake("docker-compose", "echo 1.29.2")
    status, problems = check(spark)
    assert (status, problems.keys()) == (0, {"compose"})


def gigabytes(number: int) -> str:
    """What df says where so many are free."""
    return DF.format(kilobytes=number * 10**9 // 1024)


@pytest.mark.parametrize("free", [40, 300])
def test_a_disk_that_the_models_do_not_fit_on(spark: Machine, free: int):
    spark.fake("df", gigabytes(free))
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"disk"})
    assert f"{free} GB free" in problems["disk"]
    spark.settings["MIN_DISK_GB"] = str(free)
    assert check(spark) == (0, {})


VOLUMES = """
case "$*" in
  *'system df -v'*Volumes*)
    printf '%s\\n' 'mine_outputs 450.1GB' 'mine_models 437.3GB' 'bare N/A'
    exit ;;
esac"""


@pytest.mark.parametrize("in_containers", [False, True])
def test_models_that_are_there_need_no_room(spark: Machine, in_containers: bool):
    """437 of 470 GB. Something is to spare even where there are more than are asked for."""
    if in_containers:
        spark.fake("docker", VOLUMES + DOCKER)
        spark.settings["STACK"] = "mine"
    else:
        models = spark.settings["MODELS_DIR"]
        size = f"{437 * 10**9 // 1024 + 1} {models}/"
        spark.fake("du", f"""[ "$*" = "-sk {models}/" ] && echo "{size}" """)
    spark.fake("df", gigabytes(34))
    assert check(spark) == (0, {})
    spark.fake("df", gigabytes(32))
    assert "and 33 GB are needed" in check(spark)[1]["disk"]
    spark.settings["MIN_DISK_GB"] = "300"
    assert check(spark) == (0, {})
    spark.fake("df", gigabytes(24))
    assert "and 25 GB are needed" in check(spark)[1]["disk"]


@pytest.fixture
def decimal_comma(tmp_path: Path) -> dict[str, str]:
    """A locale with one, as the environment names it."""
    folder = tmp_path / "locales"
    folder.mkdir()
    command = ["localedef", "--inputfile=pt_BR", "--charmap=UTF-8", str(folder / "pt_BR.UTF-8")]
    if not shutil.which("localedef") or subprocess.run(command, check=False).returncode:
        pytest.skip("no locale can be made here: it takes localedef and the sources of locales")
    return {"LOCPATH": str(folder), "LC_ALL": "pt_BR.UTF-8"}


def test_sizes_are_read_where_decimals_have_a_comma(spark: Machine, decimal_comma: dict[str, str]):
    spark.fake("docker", VOLUMES + DOCKER)
    spark.fake("df", gigabytes(34))
    spark.settings |= {"STACK": "mine", **decimal_comma}
    assert check(spark) == (0, {})


def test_another_stacks_models_are_not_counted(spark: Machine):
    spark.fake("docker", VOLUMES + DOCKER)
    spark.fake("df", gigabytes(300))
    assert "and 470 GB are needed" in check(spark)[1]["disk"]


def test_all_defaults_fit_where_it_says_ready():
    """What is fetched, and all of it again as quantized copies, by docs/checkpoints.md."""
    page = (ROOT / "docs" / "checkpoints.md").read_text()
    number = r"([\d.]+) GB \|"
    defaults = re.findall(rf"^\| \*\*`.*\n\| `.*?` \| {number} {number}", page, re.MULTILINE)
    assert len(defaults) == 5
    trained = re.search(rf"^\| `Wan-AI/Wan2.1-T2V-1.3B-Diffusers` \| {number} {number}", page, re.M)
    assert trained
    sizes = [float(size) for row in [*defaults, trained.groups()] for size in row]
    heard = 1.6  # docs/cutting-room.md
    script = (ROOT / "scripts" / "room.sh").read_text()
    asked = int(re.findall(r"MIN_DISK_GB:-(\d+)", script)[0])
    spare = int(re.findall(r"^spare_gb=(\d+)", (ROOT / "scripts" / "lib.sh").read_text(), re.M)[0])
    assert 0 <= asked - (sum(sizes) + heard + spare) < 20


def test_little_memory_is_a_warning(spark: Machine):
    spark.settings["MEMINFO"] = str(SPARK_MEMINFO.with_name("workstation_meminfo.txt"))
    status, problems = check(spark)
    assert (status, problems.keys()) == (0, {"memory"})


def test_a_taken_port(spark: Machine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        spark.settings["WAN21_PORT"] = str(port)
        status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"port"})
    assert f"{port}, for wan21, is taken" in problems["port"]
    assert "WAN21_PORT" in problems["port"]


def test_a_port_that_is_taken_by_ourselves(spark: Machine):
    service = LiveService(spark.folder / "service")
    try:
        spark.settings["LTX2_PORT"] = service.start().url.rpartition(":")[2]
        assert "ltx2 runs already" in spark.run("validate_setup.sh").stdout
        assert check(spark) == (0, {})
    finally:
        service.close()


def test_folders_that_cannot_be_written(spark: Machine):
    # A file is in the way: the one obstacle that root meets, too.
    file = spark.folder / "file"
    file.write_text("")
    spark.settings["STATE_DIR"] = str(file / "state")
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"folder"})
    assert "STATE_DIR" in problems["folder"]


def test_a_network_disk_for_the_state(spark: Machine):
    spark.fake("stat", "echo nfs4")
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"state"})


def test_docker_that_makes_no_volume(spark: Machine):
    spark.fake("docker", DOCKER.replace("volume*) ;;", "volume*) exit 1 ;;"))
    status, problems = check(spark)
    assert (status, problems.keys()) == (1, {"volumes"})


@pytest.mark.parametrize(
    ("settings", "ports", "fails"),
    [
        ({}, "127.0.0.1:8001:8001", False),
        ({}, "[::1]:8001:8001", False),
        ({}, "8001:8001", True),
        ({}, "0.0.0.0:9001:8001", True),
        ({}, "${ADDRESS}:8001:8001", True),
        ({"ALLOW_UNAUTHENTICATED": "0"}, "8001:8001", False),
        ({"ALLOW_UNAUTHENTICATED": "1"}, "127.0.0.1:8001:8001", False),
        ({"ALLOW_UNAUTHENTICATED": "1", "HOST": "10.0.0.2"}, "127.0.0.1:8001:8001", True),
        ({"ALLOW_UNAUTHENTICATED": "1", "HOST": "127.0.0.2"}, "127.0.0.1:8001:8001", False),
        ({"ALLOW_UNAUTHENTICATED": "False", "HOST": "10.0.0.2"}, "127.0.0.1:8001:8001", False),
        ({"HOST": "10.0.0.2"}, "127.0.0.1:8001:8001", False),  # such a service does not start
    ],
)
def test_what_is_open_to_strangers(
    spark: Machine, settings: dict[str, str], ports: str, fails: bool
):
    override = spark.folder / "mine.yml"
    override.write_text(f'services:\n  ltx2:\n    ports:\n      - "{ports}"\n')
    spark.settings |= settings | {"COMPOSE_FILE": f"docker-compose.yml:{override}"}
    status, problems = check(spark)
    assert (status, problems.keys()) == ((1, {"exposure"}) if fails else (0, set()))


@pytest.mark.parametrize(("mode", "problems"), [(0o600, set()), (0o640, set()), (0o644, {"env"})])
def test_settings_that_others_can_read(spark: Machine, mode: int, problems: set[str]):
    file = Path(spark.settings["ENV_FILE"])
    file.touch()
    file.chmod(mode)
    status, found = check(spark)
    assert (status, found.keys()) == (0, problems)
    assert f"fix: chmod 600 {file}" in found.get("env", f"fix: chmod 600 {file}")


OLD = (
    "*FirewallBackend*) echo iptables ;;",
    "*FirewallBackend*) echo template: no such; exit 1 ;;",
)


@pytest.mark.parametrize(
    ("version", "changes", "settings", "firewalld", "words"),
    [
        ("27.5.1", [OLD], {}, False, "lets neighbours"),
        ("27.5.1-0ubuntu3~24.04.2", [OLD], {}, True, "lets neighbours"),
        ("20.10.24+dfsg1", [OLD], {}, False, "lets neighbours"),
        ("28.0.0", [OLD], {}, False, ""),
        ("28.1.1", [OLD], {}, True, "CVE-2025-54388"),
        (
            "28.3.2",
            [("echo iptables ;;", "echo iptables+firewalld ;;")],
            {},
            True,
            "CVE-2025-54388",
        ),
        ("28.3.2", [], {}, False, ""),
        ("28.3.3", [("echo iptables ;;", "echo iptables+firewalld ;;")], {}, True, ""),
        ("29.1.0", [("echo iptables ;;", "echo nftables ;;")], {}, False, ""),
        ("27.5.1", [OLD], {"ALLOW_UNAUTHENTICATED": "0"}, False, ""),
        ("27.5.1", [OLD, ("Ubuntu 24.04.3 LTS", "Docker Desktop")], {}, False, ""),
        ("27.5.1", [OLD, ("[name=", "[name=rootless name=")], {}, False, ""),
    ],
)
def test_an_engine_that_lets_neighbours_reach_127_0_0_1(
    spark: Machine,
    version: str,
    changes: list[tuple[str, str]],
    settings: dict[str, str],
    firewalld: bool,
    words: str,
):
    """Ports that are published on this machine alone, and which engines keep them so."""
    script = DOCKER.replace("28.3.3", version)
    for before, after in changes:
        assert before in script
        script = script.replace(before, after)
    spark.fake("docker", script)
    if firewalld:
        spark.fake("firewall-cmd", "echo running")
    spark.settings |= settings
    status, problems = check(spark)
    assert (status, problems.keys()) == ((1, {"neighbours"}) if words else (0, set()))
    assert words in problems.get("neighbours", "")
    assert not words or "28.3.3" in problems["neighbours"]


def test_an_unknown_argument(spark: Machine):
    done = spark.run("validate_setup.sh", "--gpu")
    assert done.returncode == 2
    assert "--help" in done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
