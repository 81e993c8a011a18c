# The first half of the tutorial in one go: a shop, Zoho's sandbox on port $PORT, keys, one sync.
# To be read by the shell that goes on with it (`. ./ready.sh`), which learns the sandbox's secrets.
python people.py shop "$(cat shop.sql)"
crm-connector init --yes
crm-connector sandbox zoho --port "$PORT" > sandbox.txt 2>&1 &
until grep -qs Ctrl-C sandbox.txt; do sleep 0.2; done
eval "$(grep '^export' sandbox.txt)"
sed -n '/^\[/,/^kinds/p' sandbox.txt | sed 's/"customer"/"customer", "membership"/' >> connector.toml
echo 'record_url = "https://crm.example.test/tab/{object}/{ref}"' >> connector.toml
crm-connector keys init
crm-connector local install
crm-connector sync
