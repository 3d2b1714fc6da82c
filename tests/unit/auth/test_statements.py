"""What one service tells another: for one request, for seconds, once."""

import jwt
import pytest

from common.api.auth.caller import Scope
from common.api.auth.opening import open_statements
from common.api.auth.statements import LEEWAY_SECONDS, LIFE_SECONDS, Call, Statements
from common.base.errors.access import Unauthenticated
from common.base.settings import Settings, SettingsError

SECRET = b"a secret that is long enough for HS256, and even for HS512, where that is asked"
CALL = Call("POST", "/generate", "key", b'{"prompt": "x"}')


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def studio(clock: Clock) -> Statements:
    return Statements(SECRET, "studio", clock)


@pytest.fixture
def toy(clock: Clock) -> Statements:
    return Statements(SECRET, "toy", clock)


def taken(toy: Statements, statement: str, call: Call = CALL) -> str:
    return toy.caller(toy.read(statement), call).name


def test_it_names_a_user_and_never_an_admin(studio: Statements, toy: Statements):
    caller = toy.caller(toy.read(studio.sign("toy", "ana", CALL)), CALL)
    assert (caller.name, caller.scopes) == ("ana", {Scope.USER})


def test_it_is_taken_once(studio: Statements, toy: Statements, clock: Clock):
    statement = studio.sign("toy", "ana", CALL)
    assert taken(toy, statement) == "ana"
    with pytest.raises(Unauthenticated, match="taken before"):
        taken(toy, statement)
    clock.now += LIFE_SECONDS + LEEWAY_SECONDS  # the last moment
    with pytest.raises(Unauthenticated, match="taken before"):
        taken(toy, statement)
    clock.now += 1
    taken(toy, studio.sign("toy", "ana", CALL))
    assert len(toy._spent) == 1, "ends are forgotten"


@pytest.mark.parametrize(
    "other",
    [
        Call("GET", "/generate", "key", CALL.body),
        Call("POST", "/generate?x=1", "key", CALL.body),
        Call("POST", "/generate/batch", "key", CALL.body),
        Call("POST", "/generate", "", CALL.body),
        Call("POST", "/generate", "key", b'{"prompt": "y"}'),
    ],
)
def test_it_is_about_one_request(studio: Statements, toy: Statements, other: Call):
    with pytest.raises(Unauthenticated, match="another request"):
        taken(toy, studio.sign("toy", "ana", CALL), other)


@pytest.mark.parametrize("seconds", [LIFE_SECONDS + LEEWAY_SECONDS + 1, -LEEWAY_SECONDS - 1])
def test_it_is_of_now(studio: Statements, toy: Statements, clock: Clock, seconds: int):
    statement = studio.sign("toy", "ana", CALL)
    clock.now += seconds
    with pytest.raises(Unauthenticated, match="not of now"):
        taken(toy, statement)


def test_forgeries(studio: Statements, toy: Statements, clock: Clock):
    claims = {"aud": "stack:toy", "sub": "ana", "iat": clock.now, "exp": clock.now + 9, "jti": "j"}
    claims |= CALL.said
    good = jwt.encode(claims, SECRET, algorithm="HS256")
    assert taken(toy, good) == "ana"
    forged = [
        jwt.encode(claims, SECRET[::-1], algorithm="HS256"),
        jwt.encode(claims, SECRET, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "aud": "videosdgx"}, SECRET, algorithm="HS256"),
        *(
            jwt.encode({n: c for n, c in claims.items() if n != name}, SECRET, algorithm="HS256")
            for name in claims
        ),
        jwt.encode({**claims, "exp": "soon"}, SECRET, algorithm="HS256"),
        studio.sign("other", "ana", CALL),
        good[:-4] + "AAAA",
        "x",
        "",
    ]
    for statement in forged:
        with pytest.raises(Unauthenticated, match="none for this service"):
            taken(toy, statement)


@pytest.mark.parametrize("owner", ["", " ", "a\n", "x" * 65])
def test_it_names_somebody(studio: Statements, toy: Statements, owner: str):
    with pytest.raises(Unauthenticated, match="names nobody"):
        taken(toy, studio.sign("toy", owner, CALL))


def test_the_secret_is_long_or_is_none():
    assert open_statements(Settings(), "toy") is None
    assert open_statements(Settings(stack_secret=SECRET.decode()), "toy") is not None
    with pytest.raises(SettingsError, match="32 are the least"):
        open_statements(Settings(stack_secret="short"), "toy")  # noqa: S106
    with pytest.raises(SettingsError, match="STACK_SECRET_FILE"):
        open_statements(Settings(stack_secret_file="/nowhere"), "toy")  # noqa: S106
