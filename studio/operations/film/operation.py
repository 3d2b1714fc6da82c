"""The route."""

from studio.operations.film.asked import Film
from studio.operations.film.making import make
from studio.operations.film.plan import FilmPlan
from studio.operations.film.planning import resolve
from studio.tasks import Operation

IMG2VID = Operation(
    path="/video/img2vid",
    summary="Make a film of pictures",
    description="Each is shown for its seconds while the camera moves over it. One film, with"
    " cross-fades and music where they are wanted, or a clip of each picture in a ZIP.",
    task=Film,
    plan=FilmPlan,
    resolve=resolve,
    make=make,
)
