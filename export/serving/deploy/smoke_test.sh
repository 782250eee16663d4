#!/bin/sh
# Asks a running server for each model of config/models.config: sh smoke_test.sh [http://localhost:8501]
# Needs curl and base64. Sends one JPEG if SMOKE_IMAGE names one. Leaves with 0 when all answered.
set -eu
server=${1:-http://localhost:8501}
here=$(dirname "$0")
failed=0

fail() {
    echo "FAILED $*" >&2
    failed=1
}

models=$(sed -n 's/^ *name: "\(.*\)"$/\1/p' "$here/config/models.config")
[ -n "$models" ] || { echo "no model in $here/config/models.config" >&2; exit 2; }

for model in $models; do
    url="$server/v1/models/$model"
    curl -fsS --max-time 10 "$url" | grep -q '"AVAILABLE"' || fail "$model: not available"
    curl -fsS --max-time 60 -d '{"signature_name": "model_info", "instances": [""]}' \
        "$url:predict" | grep -q weights_sha256 || fail "$model: model_info"
    status=$(curl -sS --max-time 60 -o /dev/null -w '%{http_code}' \
        -d '{"instances": [{"b64": "bm8gaW1hZ2U="}]}' "$url:predict")
    [ "$status" = 400 ] || fail "$model: expected 400 for bytes that are no image, received $status"
    if [ -n "${SMOKE_IMAGE:-}" ]; then
        printf '{"instances": [{"b64": "%s"}]}' "$(base64 <"$SMOKE_IMAGE" | tr -d '\n')" |
            curl -fsS --max-time 120 -d @- "$url:predict" |
            grep -q predictions || fail "$model: $SMOKE_IMAGE"
    fi
    [ "$failed" = 1 ] || echo "ok $model"
done
exit "$failed"
