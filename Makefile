# Entry points of the project; `make` alone lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-once start check test resilience bench migration initial-migration system-packages clean

# Uses the Node of package.json instead of the machine's. Not for npm ci, which replaces it.
pinned := PATH="$(CURDIR)/node_modules/.bin:$$PATH"
# A copy of the lockfile that node_modules was installed from.
installed := node_modules/.installed

help: ## Show this list
	@echo "Usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '%-20s %s\n' "$$name" "$$text"; done

demo: $(installed) ## The server on a simulated WhatsApp and YCLIENTS; one page plays the salon's owner and client
	@echo "Starting the demo; Ctrl-C ends it"
	@$(pinned) exec node dev-env/demo/main.ts

demo-once: $(installed) ## The demo's journey without a person; fails unless every step passes
	@echo "Running the demo's journey once"
	@$(pinned) exec node dev-env/demo/demo-once.ts

start: $(installed) ## The server alone, configured by the environment and .env (see .env.example)
	@echo "Starting the server; Ctrl-C ends it"
	@$(pinned) exec node src/main.ts

check: $(installed) ## Format, lint, types, architecture, vocabulary, dead code and unit tests; half a minute
	@echo "Checking format, lint, types, architecture, vocabulary, dead code and unit tests"
	@$(pinned) exec node tests/run.ts check

test: $(installed) system-packages ## check, then integration, crash, browser and demo suites; installs Debian packages if root
	@echo "Running every suite; this takes some minutes"
	@$(pinned) exec node tests/run.ts

resilience: $(installed) system-packages ## Long suites, up to 40 minutes; STEP=engines|crash|crash-rounds|soak runs one (sizes: tests/README.md)
	@echo "Running the long suites; this takes up to 40 minutes"
	@$(pinned) exec node tests/run.ts resilience $(STEP)

bench: $(installed) system-packages ## Webhooks, first QR code and 300 sessions against baselines; a quarter of an hour, needs a quiet machine
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
