# Makes the authority of the KurrentDB cluster and a certificate for each node, where they are missing. Runs in the
# image of es-gencert-cli, KurrentDB's own tool; the key of the authority stays in a volume that nothing else mounts.
set -eu

AUTHORITY_DAYS=3650
NODE_DAYS=825
# Who runs KurrentDB in its image.
OWNER=1000:1000

if [ ! -s /authority/ca.crt ]; then
  rm -rf /authority/new
  es-gencert-cli create-ca -days "$AUTHORITY_DAYS" -out /authority/new
  # The certificate last: once it is there, all is.
  mv /authority/new/ca.key /authority/ca.key
  mv /authority/new/ca.crt /authority/ca.crt
  rm -rf /authority/new
fi
cp /authority/ca.crt /ca/ca.crt
chmod 644 /ca/ca.crt

for node in kurrentdb-1 kurrentdb-2 kurrentdb-3; do
  folder="/nodes/$node"
  if [ ! -s "$folder/node.crt" ]; then
    rm -rf "$folder/new"
    es-gencert-cli create-node -ca-certificate /authority/ca.crt -ca-key /authority/ca.key -days "$NODE_DAYS" \
      -out "$folder/new" -ip-addresses 127.0.0.1 -dns-names "$node,localhost"
    mv "$folder/new/node.key" "$folder/node.key"
    mv "$folder/new/node.crt" "$folder/node.crt"
    rm -rf "$folder/new"
  fi
  chown -R "$OWNER" "$folder"
  chmod 600 "$folder/node.key"
done
