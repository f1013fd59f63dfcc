# One image for the agent and for the sample RAG service. It runs as nobody in particular, on a read-only root file
# system, and writes only to /var/lib/burnline.
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/burnline
# What changes rarely comes first, so that a change of our own code does not install the libraries again.
COPY pyproject.toml constraints.txt README.md ./
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" > requirements.txt \
 && /opt/burnline/bin/pip install -c constraints.txt -r requirements.txt
COPY agent agent
COPY sample_rag_app sample_rag_app
COPY rules rules
COPY alertmanager alertmanager
COPY dashboards dashboards
RUN /opt/burnline/bin/pip install --no-deps -c constraints.txt . \
 && /opt/burnline/bin/python -m compileall -q /opt/burnline

FROM python:3.12-slim
ENV PATH=/opt/burnline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /var/lib/burnline --create-home --shell /usr/sbin/nologin burnline
COPY --from=build /opt/burnline /opt/burnline
USER 10001:10001
WORKDIR /var/lib/burnline
VOLUME /var/lib/burnline
EXPOSE 9477
# No curl in a slim image, and none is needed. Another command (the sample service) says another address.
ENV HEALTH_URL=http://127.0.0.1:9477/-/healthy
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTH_URL'], timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["burnline", "run", "--storage.path", "/var/lib/burnline"]
