"""Addresses: the exact names that they may stand for, as the SDK reads and writes them, or a refusal."""

from __future__ import annotations

import pytest
from clearml import Task
from clearml.backend_config import bucket_config
from clearml.storage.helper import StorageHelper
from clearml.storage.url import quote_url
from hypothesis import assume, given
from hypothesis import strategies as st

from cleanup.storage import BadAddress, Location, known_file_servers, sdk_path, task_depth
from cleanup.storage.address import file_server_base, is_task_folder
from tests.storage.stores import ODD_NAMES, OTHER, TASK, storages

T = f"p/n.{TASK}"
FILES = "https://files.example.com"
PREFIXED = "http://host.example.com:8081/files"
S3 = [
    {"bucket": "data", "key": "k", "secret": "s"},
    {"host": "minio.example.com:9000", "key": "k", "secret": "s", "secure": False},
    {"host": "ceph.example.com", "bucket": "one", "key": "k", "secret": "s"},
]
RULES = [
    {"registered_prefix": "https://old.example.com", "local_prefix": FILES},
    {"registered_prefix": "file:///mnt/", "local_prefix": "/data/"},
    {"registered_prefix": "\\\\nas\\share", "local_prefix": "/nas", "replace_windows_sep": True},
    {"registered_prefix": "https://both", "local_prefix": "/x", "replace_windows_sep": 1, "replace_linux_sep": 1},
    {"registered_prefix": "https://half"},
]
SDK = {
    "aws": {"s3": {"credentials": S3}},
    "google": {"storage": {"credentials": [{"bucket": "data", "subdir": "deep"}]}},
    "azure": {"storage": {"containers": [{"account_name": "acct", "account_key": "k"}]}},
    "storage": {"path_substitution": RULES},
}


@pytest.fixture(scope="module")
def here():
    return storages(FILES, PREFIXED, sdk=SDK)


@pytest.mark.parametrize(
    ("address", "root", "path"),
    [
        (f"{FILES}/{T}/artifacts/a/a.pkl", FILES, f"{T}/artifacts/a/a.pkl"),
        (f"HTTPS://FILES.example.com:443/{T}/a.pkl", FILES, f"{T}/a.pkl"),
        (f"http://files.example.com:443/{T}/a.pkl", FILES, f"{T}/a.pkl"),
        (f"{FILES}/p/a%20b%2Bc+d.{TASK}/x.pt", FILES, f"p/a b+c+d.{TASK}/x.pt"),
        (f"{FILES}/p/100%.{TASK}/50%zz.pt", FILES, f"p/100%.{TASK}/50%zz.pt"),
        (f"{FILES}/p%2Fn.{TASK}/x.pt", FILES, f"{T}/x.pt"),
        (f"{PREFIXED}/{T}/a.pkl", PREFIXED, f"{T}/a.pkl"),
        (f"https://host.example.com:8081/files/{T}/a.pkl", PREFIXED, f"{T}/a.pkl"),
        (f"http://host.example.com:8081/filesystem/{T}/a.pkl", "http://host.example.com:8081", f"filesystem/{T}/a.pkl"),
        (f"https://old.example.com/{T}/a.pkl", FILES, f"{T}/a.pkl"),
        (f"https://both/{T}/a.pkl", "https://both", f"{T}/a.pkl"),
        (f"http://[::1]:8081/{T}/a.pkl", "http://[::1]:8081", f"{T}/a.pkl"),
        (f"s3://bucket//{T}//a.pt", "s3://bucket", f"{T}//a.pt"),
        (f"gs://data/deep/{T}/a.pt", "gs://data", f"deep/{T}/a.pt"),
        ("gs://data/deeper", "gs://data", "deeper"),
        (f"file:///srv/{T}/a b+%41?q#f.pt", "file://", f"/srv/{T}/a b+%41?q#f.pt"),
        (f"/srv//{T}/a.pt", "file://", f"/srv/{T}/a.pt"),
        (f"file:///mnt/{T}/a.pt", "file://", f"/data/{T}/a.pt"),
        (f"\\\\nas\\share\\p\\n.{TASK}\\a.pt", "file://", f"/nas/{T}/a.pt"),
    ],
)
def test_an_address_names_an_object_first_of_all_as_the_sdk_reads_it(here, address, root, path):
    places = here.locate(address)
    assert places[0] == Location(root, path)
    assert {place.root for place in places} == {root}
    assert len(places) == 1 or address.startswith("http")


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        ("lr%3A0.1 run.ID/w.pt", ["lr:0.1 run.ID/w.pt", "lr%3A0.1 run.ID/w.pt"]),
        ("lr%253A0.1%20run.ID/w.pt", ["lr%3A0.1 run.ID/w.pt", "lr%253A0.1%20run.ID/w.pt"]),
        ("n.ID/w.pt", ["n.ID/w.pt"]),
        ("n.ID/w.pt?download=1", ["n.ID/w.pt", "n.ID/w.pt?download=1"]),
        ("n.ID/a%20b#c.pt", ["n.ID/a b", "n.ID/a%20b", "n.ID/a b#c.pt", "n.ID/a%20b#c.pt"]),
        ("n.ID/a;b.pt", ["n.ID/a;b.pt"]),
        ("n.ID/a%20b;c%41.pt", ["n.ID/a b;cA.pt", "n.ID/a b;c%41.pt", "n.ID/a%20b;c%41.pt"]),
        ("n.ID/%ff.pt", ["n.ID/%ff.pt"]),
        ("my%2522n.ID/w.pt", ["my%22n.ID/w.pt", "my%2522n.ID/w.pt", 'my"n.ID/w.pt']),
    ],
)
def test_an_http_address_stands_for_all_names_that_the_sdk_may_have_meant(here, rest, names):
    """Stored quoted once more or as it is; "?", "#" and ";" end an address or are part of a name; the server's %22."""
    for base in (FILES, PREFIXED):
        places = here.locate(f"{base}/p/{rest.replace('ID', TASK)}")
        assert places == tuple(Location(base, f"p/{name.replace('ID', TASK)}") for name in names)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "no address"),
        (f"{FILES}/" + "x" * 4096, "longer"),
        (f"{FILES}/{T}/a\x00.pt", "control"),
        (f"{FILES}/{T}/\ud800.pt", "surrogate"),
        (f"{FILES}/{T}/../{OTHER}", "climbs"),
        (f"{FILES}/{T}/%252e%252e/a", "climbs"),
        (f"{FILES}/{T}/..%5Ca", "climbs"),
        (f"{FILES}/{T}/%" + "25" * 40 + "2e", "escapes"),
        (f"{FILES}/{T}/a?to=/../b", "climbs"),
        (f"{FILES}?x/{T}/a", "no path"),
        ("https://user:secret@files.example.com/p/x", "credentials"),
        ("https://files.example.com\\@evil.example.com/p/x", "credentials"),
        ("https:///p/x", "no host"),
        ("https://files.example.com:99999/p/x", "port"),
        ("https://[::1/p/x", "port"),
        ("ftp://host/p/x", "unknown scheme ftp"),
        ("S3://bucket/k", "capitals"),
        ("s3://bucket/", "no path"),
        ("s3:///key", "no bucket"),
        ("s3://key:secret@bucket/k", "credentials"),
        ("s3://bucket?x/k", "another one"),
        ("s3://Bucket/k", "otherwise"),
        ("s3://data2/k", "begins the same"),
        ("s3://minio.example.com:9000", "written otherwise|no path|cannot read"),
        ("s3://bucket/a/%2e%2e/b", "climbs"),
        ("s3://host:99999/b/k", "cannot read"),
        ("azure://acct.blob.core.windows.net//c/b", "no container"),
        ("azure://acct.blob.core.windows.net/c/b?sig=1", "'\\?'"),
        ("azure://acct.blob.core.windows.net/c/a\\b", "backslash"),
        ("azure://acct.blob.core.windows.net/c/x:y/b", "like a URL"),
        ("azure://ACCT.blob.core.windows.net/c/b", "capitals"),
        ("file://host/share/x", "relative"),
        ("models/x.pt", "relative"),
        ("/srv/../etc/passwd", "climbs"),
    ],
)
def test_an_address_that_names_no_single_object_is_refused_with_its_reason(here, address, reason):
    with pytest.raises(BadAddress, match=reason) as refused:
        here.locate(address)
    assert "secret" not in str(refused.value)
    assert len(str(refused.value)) < 300


@given(st.text(max_size=300))
def test_no_text_crashes_the_reading_of_addresses(text):
    here = storages(FILES, sdk=SDK)
    for prefix in ("", f"{FILES}/", "s3://b/", "s3://", "gs://", "azure://a.blob/", "file:///", "https://"):
        try:
            found = here.locate(prefix + text)
        except BadAddress:
            continue
        for place in found:
            assert not {".", ".."} & set(place.path.split("/"))
            assert place.path.strip("/")


@pytest.mark.parametrize("project", ["p", "a/b: c/d", "x" * 300, ""])
@pytest.mark.parametrize("name", ["n", "lr:0.1 run/ü%?#", "y" * 200])
def test_a_tasks_folder_is_where_the_sdk_puts_it(here, project, name):
    class AsInTheSdk:
        """As much of a task as the SDK's own method asks for."""

        project = OTHER

        def __init__(self):
            self.name, self.data = name, type("Data", (), {"id": TASK})

        def get_project_name(self):
            return project

    path = Task._get_output_destination_suffix(AsInTheSdk())
    assert sdk_path(project, name, TASK, OTHER) == path
    assert sdk_path(project, name, TASK) == (path if len(project) < 256 else "")
    assert here.task_folder("", project, name, TASK, OTHER) == Location(FILES, path)


def test_a_tasks_folder_lies_at_its_output_destination(here):
    for destination, root, above in (
        ("", FILES, ""),
        (f"{PREFIXED}/sub/", PREFIXED, "sub/"),
        ("https://old.example.com", FILES, ""),
        ("s3://bucket", "s3://bucket", ""),
        ("s3://minio.example.com:9000/bucket/pre/", "s3://minio.example.com:9000/bucket", "pre/"),
        ("gs://data/deep/", "gs://data", "deep/"),
        ("azure://acct.blob.core.windows.net/c", "azure://acct.blob.core.windows.net/c", ""),
        ("file:///srv/", "file://", "/srv/"),
        ("/", "file://", "/"),
        ("/srv//x/", "file://", "/srv/x/"),
    ):
        assert here.task_folder(destination, "a:b", "n", TASK) == Location(root, f"{above}a%3Ab/n.{TASK}")
    for nowhere in ("https://elsewhere.example.com", "https://user:secret@files.example.com", "s3://", "models"):
        assert here.task_folder(nowhere, "a:b", "n", TASK) is None
    assert storages().task_folder("", "p", "n", TASK) is None
    half_a_character = here.task_folder("", "p", "\ud800", TASK, OTHER)
    assert half_a_character == Location(FILES, f"p/%3F.{TASK}")


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="?#;\\"), min_size=1, max_size=80)


@given(NAMES)
def test_a_file_server_address_made_by_the_sdk_leads_back_to_the_uploaded_name(name):
    uploaded = f"/p/{name}.{TASK}/models/x.pt"
    assume(not {".", ".."} & set(name.split("/")))
    try:
        found = storages(FILES).locate(quote_url(FILES + uploaded))[0]
    except BadAddress as refused:
        assume("climbs" not in str(refused) and "escapes" not in str(refused))
        raise
    assert found.path == "/".join(part for part in uploaded.split("/") if part)


@pytest.mark.parametrize(
    "bucket",
    [
        "s3://data", "s3://free", "s3://minio.example.com:9000/b", "s3://ceph.example.com/one",
        "gs://data", "gs://free", "azure://acct.blob.x/c", "azure://acct.blob.localhost:10000/c",
    ],
)  # fmt: skip
def test_buckets_and_names_are_those_that_the_sdk_uses(here, monkeypatch, bucket):
    kinds = {"s3": ("S3Bucket", "aws", "s3"), "gs": ("GSBucket", "google", "storage")}
    for scheme, (kind, vendor, section) in {**kinds, "azure": ("AzureContainer", "azure", "storage")}.items():
        read = getattr(bucket_config, f"{kind}Configurations").from_config(SDK[vendor][section])
        monkeypatch.setattr(StorageHelper, f"_{scheme}_configurations", read)
    for name in [name for name in ODD_NAMES if not (bucket.startswith("azure") and "?" in name)]:
        address = f"{bucket}/{T}/models/{name}"
        base = StorageHelper._resolve_base_url(address)
        assert here.locate(address) == (Location(base, address[len(base) :].lstrip("/")),)


def test_a_setting_that_the_sdk_cannot_read_is_named():
    broken = storages(FILES, sdk={"aws": {"s3": {"credentials": [{"nonsense": "very secret"}]}}})
    with pytest.raises(BadAddress, match=r"sdk\.aws\.s3 in clearml\.conf cannot be read") as refused:
        broken.locate("s3://bucket/k")
    assert "very secret" not in str(refused.value)


def test_a_tasks_folder_is_found_by_its_id_above_the_sdks_own_folders():
    for path, depth in (
        (f"{T}/artifacts/a/b", 2),
        (f"/mnt/{T}/models/x", 4),
        (f"long.{OTHER}/n.{TASK}/models/x", 2),
        (f"long.{OTHER}/sub/x", 1),
        (f"p/n.{TASK}", 0),
        ("p/n.0123/models/x", 0),
        (f"p/n.{TASK.upper()}/models/x", 0),
    ):
        assert task_depth(path) == depth, path
    assert is_task_folder(T)
    assert not is_task_folder("p/n")


def test_a_file_belongs_to_a_task_only_below_its_folder():
    file = Location(FILES, f"{T}/models/x.pt")
    assert file.folder_of(TASK) == Location(FILES, T)
    assert file.folder_of(OTHER) is None
    assert Location(FILES, T).folder_of(TASK) is None
    assert Location(FILES, f"p/{TASK}/x").folder_of(TASK) is None


def test_base_urls_are_taken_apart():
    for url, base in (
        ("https://Files.example.com/", "https://files.example.com"),
        ("http://h:8081//a//b/", "http://h:8081/a/b"),
        ("https://user:secret@h/x?y#z", "https://h/x"),
    ):
        assert file_server_base(url).url == base
    assert file_server_base("s3://bucket") is None


def test_the_hosted_services_former_file_servers_count_for_the_hosted_service_alone(monkeypatch):
    monkeypatch.setenv("CLEARML_FILES_HOST", "https://files.clear.ml")
    assert known_file_servers() == ["https://files.clear.ml", "https://files.community.clear.ml"]
    monkeypatch.setenv("CLEARML_FILES_HOST", "https://files.example.com/")
    assert known_file_servers() == ["https://files.example.com"]


@pytest.mark.parametrize("end", ["/", "%2F", "//", "/?download=1"])
def test_an_address_of_a_folder_is_one_of_a_file_that_nobody_has(here, end):
    names = {place.path for place in here.locate(f"{FILES}/p/n.{TASK}/models{end}")}
    assert f"p/n.{TASK}/models" in names
    assert not any(name.endswith("/") for name in names)
