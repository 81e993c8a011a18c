# The front door. Each target makes what it needs; the last lines of demo, simulate, mutants, bench,
# lost-creates and third-vendor are read by machines.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.complete

.PHONY: demo test check format wheel simulate mutants bench bench-shops bench-peers lost-creates third-vendor docs clean
.DELETE_ON_ERROR:

# Debian's bare `python3 -m venv` fails and leaves half a folder: the stamp is written last, a half-made one is remade.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "crm-connector needs Python 3.11 or newer; set PYTHON=python3.11 or the like"; exit 3; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment here. On Debian or Ubuntu: apt-get install -y python3-venv"; exit 3; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python cli.py demo $(if $(PLANT),--plant $(PLANT))

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

wheel: $(STAMP)
	@$(BIN)/python tools/wheel.py

simulate: $(STAMP)
ifdef PLANT
	@$(BIN)/python -m tools.mutants $(PLANT) --seeds $(or $(SEEDS),100) --start $(or $(START),1)
else
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(ONLY),--only $(ONLY)),--seeds $(or $(SEEDS),100) --start $(or $(START),1) $(if $(JOURNAL),--journal $(JOURNAL)))
endif

mutants: $(STAMP)
	@$(BIN)/python -m tools.mutants $(or $(PLANT),catalogue) $(if $(SEEDS),--seeds $(SEEDS))

bench: $(STAMP)
	@$(BIN)/python -m tools.bench $(ARGS)

bench-shops: $(STAMP)
	@$(BIN)/python -m tools.bench_shops $(ARGS)

bench-peers: $(STAMP)
	@$(BIN)/python -m tools.bench_peers $(ARGS)

lost-creates: $(STAMP)
	@$(BIN)/python -m tools.lost_creates $(ARGS)

third-vendor: $(STAMP)
	@$(BIN)/python -m tools.third_vendor

# What builds the pages is installed when they are first built; the building itself needs no network.
$(VENV)/.docs: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	@$(BIN)/python -m tools.site

clean:
	@rm -rf $(VENV) .peers dist build site
