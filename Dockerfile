# phosphene as a container: `phosphene serve` by default, and every other command.
#
#     docker build -t phosphene .
#     docker build -t phosphene --build-arg MODEL=ViT-B-32-SigLIP2-256/webli .   # with the model inside
FROM python:3.11.13-slim-bookworm

# torch computes with this; a slim image has none.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

# Models lie in a volume, so that a new image does not fetch them again. What is in /models when the
# volume is made, its owner too, goes into it.
RUN useradd --create-home --uid 10001 phosphene && install --directory --owner=phosphene /models
ENV PHOSPHENE_HOME=/models PYTHONUNBUFFERED=1

WORKDIR /app
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY plugin plugin
COPY schemas schemas
RUN --mount=type=cache,target=/root/.cache/pip pip install --constraint constraints.txt '.[serve,train]'

USER phosphene
ARG MODEL=
RUN test -z "$MODEL" || phosphene models fetch "$MODEL"
VOLUME /models
EXPOSE 8080
ENTRYPOINT ["phosphene"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
