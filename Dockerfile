# The companion: a virtual environment made from the lock file, on a plain Python image, and nothing else.
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv --without-pip /opt/acme-companion \
    && python3 -m venv --without-pip /opt/build \
    && python3 -m pip --python /opt/acme-companion/bin/python install --no-cache-dir --no-compile --no-deps \
        --require-hashes --only-binary :all: -r requirements.lock \
    && python3 -m pip --python /opt/build/bin/python install --no-cache-dir --no-deps --require-hashes \
        -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY acme_companion acme_companion
# Without isolation: the build uses what the lock file names, and downloads nothing by itself.
# Of what DNS providers need the image keeps little: of AWS's interfaces Route 53's, no reader of YAML in C, and no second
# copy as byte code of what runs now and then in a process of its own.
RUN /opt/build/bin/python -c "from setuptools.build_meta import build_wheel; print(build_wheel('.'))" \
    && python3 -m pip --python /opt/acme-companion/bin/python install --no-cache-dir --no-compile --no-deps --no-index ./*.whl \
    && cd /opt/acme-companion \
    && find bin -type f ! -name acme-companion -delete \
    && find lib -type d -name tests -prune -exec rm -r {} + \
    && find lib -regex '.*/botocore/data/[^/]*' -type d ! -name route53 ! -name sts -prune -exec rm -r {} + \
    && find lib \( -path '*/boto3/data' -o -path '*/boto3/examples' -o -path '*.dist-info/sboms' \) -prune -exec rm -r {} + \
    && find lib -name '_yaml*.so' -delete \
    && bin/python -m compileall -q --invalidation-mode unchecked-hash lib \
    && find lib -regex '.*/\(botocore\|boto3\|s3transfer\|jmespath\|dateutil\|bs4\|soupsieve\|lexicon/_private\)/.*' \
        -name __pycache__ -prune -exec rm -r {} +

FROM ${BASE_IMAGE}
COPY --from=build /opt/acme-companion /opt/acme-companion
ENV PATH=/opt/acme-companion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME ["/var/lib/acme", "/var/www/acme"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["acme-companion", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["acme-companion"]
CMD ["run"]
