"""The description of the interface, as a running server gives it."""

from support.browser import chromium_page
from support.client import Client
from wavemill_gateway.openapi.declared import ENDPOINTS
from wavemill_gateway.openapi.document import build


async def test_a_server_describes_itself(client: Client) -> None:
    status, body, headers = await client.call("GET", "/openapi.json")
    assert (status, body["openapi"]) == (200, "3.1.0")
    assert headers["Content-Type"].startswith("application/json")
    assert body["paths"].keys() == build()["paths"].keys()


async def test_people_can_read_it_and_nothing_foreign_is_let_in(client: Client) -> None:
    async with chromium_page(10) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        response = await page.goto(f"{client.url}/docs")
        assert response is not None
        assert "script-src 'self'" in (await response.all_headers())["content-security-policy"]
        assert await page.locator("article h3 .method").count() == len(ENDPOINTS)
        await page.locator("nav").get_by_text("/api/estimate").click()
        await page.locator("#estimate").get_by_text("Learn what would come of it").wait_for()
        paper = "getComputedStyle(document.body).display"
        assert await page.evaluate(paper) == "grid"  # its own style was let in
        assert complaints == []


async def test_it_can_be_read_on_a_phone(client: Client) -> None:
    async with chromium_page(10) as page:
        await page.set_viewport_size({"width": 390, "height": 800})
        await page.goto(f"{client.url}/docs")
        wide = "document.documentElement.scrollWidth"
        assert await page.evaluate(wide) <= 390
