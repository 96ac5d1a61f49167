"""Keys: what the application's parts are found by."""

import asyncio

from aiohttp import web

from wavemill_common.objects import ObjectStore
from wavemill_common.progress.feed import ProgressFeed
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.settings import Settings
from wavemill_gateway.access.door import Door
from wavemill_gateway.access.ownership import OwnProgress
from wavemill_gateway.desk import JobDesk
from wavemill_gateway.intake import Intake

SETTINGS = web.AppKey("settings", Settings)
OBJECTS: web.AppKey[ObjectStore] = web.AppKey("objects")
RECORDS: web.AppKey[JobStore] = web.AppKey("records")
QUEUE = web.AppKey("queue", JobQueue)
REGISTRY = web.AppKey("registry", ConverterRegistry)
READER = web.AppKey("reader", OwnProgress)
FEED = web.AppKey("feed", ProgressFeed)
INTAKE = web.AppKey("intake", Intake)
DESK = web.AppKey("desk", JobDesk)
DOOR = web.AppKey("door", Door)
STOPPING = web.AppKey("stopping", asyncio.Event)
