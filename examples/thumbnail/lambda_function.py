"""Makes a thumbnail with Pillow, which comes from a layer: see examples/pillow-layer."""
import base64
import io

from PIL import Image


def lambda_handler(event, context):
    """`image`: the picture's bytes in base64; `size`: the longer side that is wanted, in pixels."""
    size = event.get("size", 128)
    with Image.open(io.BytesIO(base64.b64decode(event["image"]))) as image:
        before = image.size
        image.thumbnail((size, size))
        png = io.BytesIO()
        image.save(png, "PNG")
    return {"image": base64.b64encode(png.getvalue()).decode(), "from": before, "to": image.size}
