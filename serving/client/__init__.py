"""Clients, each plain and for asyncio; they need neither TensorFlow nor the rest of this project.

 - Recommender, AsyncRecommender: the gateway's API: recommendations, events, users, items.
 - ModelClient, AsyncModelClient: the models directly, by TensorFlow Serving's gRPC.
 - RestModelClient, AsyncRestModelClient: the same by TensorFlow Serving's REST.

For example:

    with client.Recommender("http://127.0.0.1:8080") as recommender:
        for item in recommender.recommend("42", k=5).items:
            print(item.title, item.score)
    with client.ModelClient("127.0.0.1:8500") as models:
        ids = models.predict("recall", inputs, label="stable")["item_id"]

Answers are frozen dataclasses (results.py); failures are `ClientError`s with the server's message
(errors.py).
"""

from serving.client.calls import Ask as Ask
from serving.client.calls import Event as Event
from serving.client.errors import ApiError as ApiError
from serving.client.errors import ClientError as ClientError
from serving.client.errors import InvalidRequest as InvalidRequest
from serving.client.errors import ModelError as ModelError
from serving.client.errors import NotFound as NotFound
from serving.client.errors import Overloaded as Overloaded
from serving.client.errors import StoreFull as StoreFull
from serving.client.errors import TimedOut as TimedOut
from serving.client.errors import Unauthenticated as Unauthenticated
from serving.client.errors import Unavailable as Unavailable
from serving.client.errors import Unreachable as Unreachable
from serving.client.grpc_models import AsyncModelClient as AsyncModelClient
from serving.client.grpc_models import ModelClient as ModelClient
from serving.client.recommender import AsyncRecommender as AsyncRecommender
from serving.client.recommender import Recommender as Recommender
from serving.client.rest_models import AsyncRestModelClient as AsyncRestModelClient
from serving.client.rest_models import RestModelClient as RestModelClient
