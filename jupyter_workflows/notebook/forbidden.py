"""What workflow code must not name, by full dotted names: a worker replays it, and these can't be repeated."""

from __future__ import annotations

from . import diagnostics as rules
from .diagnostics import Rule

# A name stands for all below it.
NAMES: tuple[tuple[Rule, str], ...] = (
    (
        rules.CLOCK,
        """
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns
        time.process_time time.process_time_ns time.thread_time time.localtime time.gmtime time.ctime
        time.asctime time.strftime datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today
        datetime.date.today pandas.Timestamp.now pandas.Timestamp.utcnow pandas.Timestamp.today arrow.now
        arrow.utcnow pendulum.now pendulum.today timeit
        """,
    ),
    (rules.WAIT, "time.sleep"),
    (rules.RANDOM, "random numpy.random torch.rand torch.randn torch.randint torch.randperm secrets faker"),
    (rules.UNIQUE, "uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 uuid.getnode os.urandom tempfile builtins.id"),
    (
        rules.ENVIRONMENT,
        """
        os.environ os.environb os.getenv os.getcwd os.getpid os.getppid os.getlogin os.uname os.cpu_count
        os.getloadavg os.putenv os.setenv os.chdir platform socket.gethostname getpass.getuser
        pathlib.Path.cwd pathlib.Path.home sys.argv psutil resource locale.getlocale dotenv
        """,
    ),
    (
        rules.FILES,
        """
        builtins.open io.open os.listdir os.scandir os.walk os.mkdir os.makedirs os.remove os.unlink
        os.rename os.replace os.rmdir os.stat os.open os.path.exists os.path.isfile os.path.isdir
        os.path.getsize os.path.getmtime shutil glob sqlite3 shelve dbm fileinput zipfile tarfile
        pandas.read_csv pandas.read_parquet pandas.read_json pandas.read_excel pandas.read_sql
        pandas.read_pickle pandas.read_feather pandas.read_html numpy.load numpy.save numpy.savez
        numpy.loadtxt numpy.savetxt numpy.genfromtxt numpy.fromfile joblib.load joblib.dump pickle.load
        pickle.dump json.load json.dump aiofiles duckdb polars.read_csv polars.read_parquet
        """,
    ),
    (
        rules.NETWORK,
        """
        requests httpx aiohttp urllib.request urllib3 http.client socket ssl smtplib ftplib imaplib poplib
        telnetlib xmlrpc.client boto3 botocore psycopg psycopg2 asyncpg pymysql mysql pymongo redis
        sqlalchemy kafka paramiko grpc websockets openai anthropic mistralai google.cloud google.genai
        litellm cohere slack_sdk asyncio.open_connection asyncio.start_server asyncio.open_unix_connection
        temporalio.client webbrowser
        """,
    ),
    (
        rules.PROCESSES,
        """
        subprocess os.system os.popen os.fork os.exec os.execv os.execvp os.spawnv os.posix_spawn os.kill
        pty asyncio.create_subprocess_exec asyncio.create_subprocess_shell signal
        """,
    ),
    (
        rules.THREADS,
        """
        threading multiprocessing concurrent.futures queue _thread asyncio.to_thread asyncio.run
        asyncio.new_event_loop asyncio.set_event_loop asyncio.run_coroutine_threadsafe asyncio.Runner
        joblib.Parallel nest_asyncio
        """,
    ),
    (rules.INPUT, "builtins.input builtins.breakpoint getpass.getpass pdb"),
    (rules.PRINT, "builtins.print"),
    (rules.HASH, "builtins.hash"),
)
FORBIDDEN: dict[str, Rule] = {name: rule for rule, names in NAMES for name in names.split()}

# Parts of what is forbidden above that do no harm.
ALLOWED = frozenset(
    """
    random.Random numpy.random.default_rng numpy.random.RandomState numpy.random.Generator
    numpy.random.SeedSequence sqlite3.Row tempfile.gettempprefix urllib3.exceptions faker.exceptions
    secrets.compare_digest queue.Empty queue.Full signal.Signals
    """.split()
)
# Generators that are the same each time, if they are given a seed.
SEEDED = frozenset("random.Random numpy.random.default_rng numpy.random.RandomState numpy.random.SeedSequence".split())

# Methods that reach a file or a thread whatever they are called on.
FILE_METHODS = """
    read_text read_bytes write_text write_bytes iterdir rglob mkdir rmdir unlink touch is_file is_dir to_csv
    to_parquet to_excel to_pickle to_sql savefig
"""
METHODS: dict[str, Rule] = {
    **dict.fromkeys(FILE_METHODS.split(), rules.FILES),
    "run_in_executor": rules.THREADS,
    "run_until_complete": rules.THREADS,
}
# Methods that reach a file if they are called on a path.
PATH_METHODS = frozenset("open exists stat glob resolve samefile rename replace symlink_to chmod owner lstat".split())


def forbidden(full: str) -> Rule | None:
    """The rule that a full name breaks, by itself or as a part of what is forbidden."""
    parts = full.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in ALLOWED:
            return None
        if prefix in FORBIDDEN:
            # A library's exceptions are only names.
            return None if length < len(parts) and is_error_name(parts[-1]) else FORBIDDEN[prefix]
    return None


def is_error_name(name: str) -> bool:
    """Whether a name is an exception's by custom."""
    return name.endswith(("Error", "Exception", "Timeout", "Warning", "Expired"))
