# Everything the project does is started here; `make` alone tells what there is.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-once start check test crash soak bench migration initial-migration system-packages clean

# The Node of package.json, whatever the machine has. Not for npm ci, which replaces it.
pinned := PATH="$(CURDIR)/node_modules/.bin:$$PATH"
# A copy of the lockfile that node_modules was installed from.
installed := node_modules/.installed

help: ## Show this list
	@echo "Usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '%-18s %s\n' "$$name" "$$text"; done

demo: $(installed) ## Try it: server, simulated WhatsApp and YCLIENTS, one page to play the salon's owner and client
	@echo "Starting the demo; Ctrl-C ends it"
	@$(pinned) exec node dev-env/demo/main.ts

demo-once: $(installed) ## The demo's whole journey with nobody at the keys; fails unless every step held
	@echo "Running the demo's journey once"
	@$(pinned) exec node dev-env/demo/demo-once.ts

start: $(installed) ## The server alone, configured by the environment and .env (see .env.example)
	@echo "Starting the server; Ctrl-C ends it"
	@$(pinned) exec node src/main.ts

check: $(installed) ## Format, lint, types, architecture, dead code and unit tests, in half a minute
	@echo "Checking format, lint, types, architecture, dead code and units"
	@$(pinned) exec node tests/run.ts check

test: $(installed) system-packages ## All of check, then integration, browser and demo suites; installs Debian packages if root
	@echo "Running every suite; this takes some minutes"
	@$(pinned) exec node tests/run.ts

crash: $(installed) system-packages ## 200 rounds of kill -9 under load on each store, Postgres away for a minute; about half an hour
	@echo "Killing the server 200 times on each store"
	@$(pinned) CRASH_ROUNDS=200 CRASH_OUTAGE_SECONDS=60 exec vitest run --no-file-parallelism --project resilience tests/resilience/crash-rounds

soak: $(installed) system-packages ## 50 linked sessions under random faults for half an hour, messages flowing all the while
	@echo "Linking 50 sessions; then half an hour of faults"
	@$(pinned) SOAK_SESSIONS=50 SOAK_MINUTES=30 exec vitest run --project resilience tests/resilience/soak

bench: $(installed) system-packages ## Webhooks, first QR code and 300 sessions against bare baselines; a quarter of an hour, wants a quiet machine
	@echo "Measuring; this takes a quarter of an hour"
	@$(pinned) npm run --silent bench

migration: $(installed) ## Add an empty migration: make migration NAME=add_message_note (see supabase/README.md)
	@$(pinned) exec node supabase/migrations.ts new '$(NAME)'

initial-migration: $(installed) ## Regenerate the initial migration from supabase/schemas; only before the first release
	@$(pinned) exec node supabase/migrations.ts initial

clean: ## Remove what was installed or generated; keeps data, sessions and logs
	@echo "Removing node_modules and coverage"
	@rm -rf node_modules coverage

system-packages:
	@tests/tooling/system-packages.sh

$(installed): package.json package-lock.json
	@command -v npm >/dev/null 2>&1 || { echo "Please install Node.js with npm 10 or newer, any version: the project brings its own Node" >&2; exit 1; }
	@if cmp -s package-lock.json $@; then touch $@; else \
		echo "Installing the packages of package-lock.json, the pinned Node among them" && \
		npm ci --loglevel=error --no-progress >/dev/null && \
		cp package-lock.json $@; \
	fi
