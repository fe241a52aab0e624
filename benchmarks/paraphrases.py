"""How often a small model puts a question's twin, which says it in other words, first.

    python benchmarks/paraphrases.py

Thirty questions with answers, each in two ways, as a plugin with nearest_text relates them. Beside
the model in use, wordllama is tried where it is installed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from syphus.export.minilm import MiniLM

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import numpy.typing as npt

    Embed: TypeAlias = Callable[[str], npt.NDArray[np.float32]]

TWINS = """
What colour is the car that waits at the light? The car is red.
Which hue has the automobile at the crossing? A red one stands there.
How many people sit around the dinner table? Five people.
What is the number of guests having supper? There are five guests.
What is the dog chasing? The dog runs after a ball.
What does the puppy run behind? It pursues a round toy.
Is it raining in the picture? Yes, people carry umbrellas.
What is the weather like? Wet: everybody holds something over their head against the drops.
Where is the cat sleeping? On a wooden chair by the window.
On what does the kitten nap? It dozes on a seat near the glass.
What is the chef cutting? He cuts onions on a board.
Which vegetable is being chopped by the cook? Onions.
What sport are the children playing? They play soccer.
Which game do the kids enjoy on the field? Football.
Why is the man running? He wants to catch the bus that leaves.
For what reason does the guy hurry? His public transport is about to go.
What instrument does the woman play? She plays the violin.
What is the lady making music with? A fiddle.
What is on the top shelf? Books and a small lamp.
Which objects stand highest on the rack? Some novels and a light.
Is the door open or closed? It is closed.
Can one walk through the entrance right now? No, it is shut.
How old might the boy be? About six years.
What age would you guess for the child? Roughly half a dozen years.
What time of day is it? It is evening, the sun sets.
When was the photo taken? At dusk.
What does the sign say? It tells drivers to stop.
What is written on the plate beside the road? Stop.
What is the person doing with the phone? Taking a photo of the food.
How is the mobile used? To capture a picture of the meal.
Which animal stands in the field? A horse eats grass.
What creature grazes on the meadow? A pony.
What did the person do before opening the fridge? Washed the hands.
Which step came ahead of the refrigerator? Cleaning the palms at the sink.
What changed between the two pictures? The white truck is gone.
What is the difference of both images? A lorry is missing.
What is the table made of? Wood.
Which material was used for the desk? Timber.
What could be dangerous here? The wet floor may make somebody slip.
Is there any hazard? One might fall since the ground is slippery.
Why does the crowd laugh? The clown fell into the cake.
What makes the audience so amused? A comedian dropped on a dessert.
What is the plane doing? It takes off from the runway.
What happens with the aircraft? It leaves the ground.
Who holds the baby? Its grandmother.
In whose arms is the infant? Those of an old lady of the family.
What fruit lies in the bowl? Apples and bananas.
What can be eaten from the dish? Some pieces of produce, yellow and green.
Is the street busy? Yes, it is full of cars and bicycles.
How is the traffic? Heavy, with lots of vehicles.
What is the surfer standing on? A board on a large wave.
How does the man stay above the ocean? He rides a plank.
What does the girl wear on her head? A blue hat.
Which headgear has the child? A cap in the colour of the sky.
What is the room used for? Sleeping: there is a bed.
Which purpose has this chamber? It is where one rests at night.
What should I cook with these? A soup, because there are carrots and potatoes.
Which dish can be prepared from what is here? Stew of root vegetables.
How does the person turn on the machine? By pressing the green button.
In what way is the device started? Somebody pushes a knob.
"""


def load_wordllama() -> Embed:
    """Its packaged vectors; it looks for its own vocabulary in another folder than it brings."""
    package: Any = import_module("wordllama")
    folder = Path(package.__file__).parent
    model = package.WordLlama.load(cache_dir=folder, disable_download=True)
    return lambda text: np.asarray(model.embed(text, norm=True), np.float32).reshape(-1)


def share_first(embed: Embed, texts: list[str]) -> float:
    """The share of texts whose nearest is their twin, which stands beside them."""
    vectors = np.array([embed(text) for text in texts])
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    twins = np.arange(len(texts)) ^ 1
    return float((products.argmax(axis=1) == twins).mean())


def main() -> None:
    """Prints a line a model."""
    texts = TWINS.strip().split("\n")
    models: dict[str, Embed] = {"all-MiniLM-L6-v2": MiniLM().embed}
    if find_spec("wordllama"):
        models["wordllama"] = load_wordllama()
    for name, embed in models.items():
        embed(texts[0])
        begin = perf_counter()
        share = share_first(embed, texts)
        rate = len(texts) / (perf_counter() - begin)
        print(f"{name}: {share:.0%} of {len(texts)} twins come first, {rate:.0f} texts a second")


if __name__ == "__main__":
    main()
