# heft: `make help` lists what there is. Features of GNU Make 3.81 only, as macOS ships it.

PREFIX  ?= /usr/local
VERSION := 0.1.0

# ---- what is built, and how ---------------------------------------------------------------------

# SAN=1: address and undefined-behaviour sanitizers. TSAN=1: the thread sanitizer.
B := build
ifeq ($(SAN),1)
B := build/san
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifeq ($(TSAN),1)
B := build/tsan
SANITIZE := -fsanitize=thread
endif
# CROSS=1: another machine's compiler in CC; its objects stay apart.
ifeq ($(CROSS),1)
B := build/$(shell $(CC) -dumpmachine)
endif

MACHINE := $(shell $(CC) -dumpmachine)
ARCH := other
ifneq ($(filter x86_64% amd64%,$(MACHINE)),)
ARCH := x86
endif
ifneq ($(filter aarch64% arm64%,$(MACHINE)),)
ARCH := arm
endif

# What a platform calls its shared libraries. Versions 0.x promise no more than 0.x.* to each other.
SO_VERSION := $(basename $(VERSION))
ifneq ($(findstring darwin,$(MACHINE))$(findstring macos,$(MACHINE)),)
SHARED      := libheft.dylib
SHARED_NAME := libheft.$(SO_VERSION).dylib
SHARED_FILE := libheft.$(VERSION).dylib
SHARED_FLAGS = -dynamiclib -install_name $(PREFIX)/lib/$(SHARED_NAME) \
               -compatibility_version $(SO_VERSION) -current_version $(VERSION)
else
SHARED      := libheft.so
SHARED_NAME := libheft.so.$(SO_VERSION)
SHARED_FILE := libheft.so.$(VERSION)
SHARED_FLAGS = -shared -Wl,-soname,$(SHARED_NAME)
endif

LIBRARIES := jansson libpcre2-8 libutf8proc libcurl
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE
HEFT_CFLAGS = -std=c17 -ffp-contract=off $(WARNINGS) $(CFLAGS) $(SANITIZE) -fPIC -fvisibility=hidden -pthread
LIBRARY_CFLAGS = $(shell pkg-config --cflags $(LIBRARIES) libedit)
LDLIBS  = $(shell pkg-config --libs $(LIBRARIES)) -lm -pthread
EDIT_LIBS = $(shell pkg-config --libs libedit)
CMOCKA  = $(shell pkg-config --cflags --libs cmocka)

# The sanitizers make unrolled kernels slow to compile, so they are not unrolled there.
O3 := -O3
ifneq ($(SANITIZE),)
O3 := -O1
endif

# A kernel's suffix names its instruction set and gives it its flags; nothing else in the tree gets any.
ISA_c          :=
ISA_avx2       := $(O3) -mavx2 -mfma -mf16c
ISA_avxvnni    := $(ISA_avx2) -mavxvnni
ISA_avx512     := $(ISA_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
ISA_avx512vbmi := $(ISA_avx512vnni) -mavx512vbmi -mgfni
ISA_amx        := $(ISA_avx512vbmi) -mavx512bf16 -mamx-tile -mamx-bf16
ISA_neon       := $(O3)
ISA_dotprod    := $(O3) -march=armv8.2-a+dotprod+fp16
ISA_i8mm       := $(O3) -march=armv8.2-a+dotprod+fp16+i8mm
isa_flags = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $1)))))

KERNELS := src/backend/cpu/kernels
INIT_OTHER := $(KERNELS)/c/init_other.c $(KERNELS)/c/peaks_other.c
KERNEL_SOURCES := $(filter-out $(INIT_OTHER),$(wildcard $(KERNELS)/c/*.c))
ifeq ($(ARCH),other)
KERNEL_SOURCES += $(INIT_OTHER)
else
KERNEL_SOURCES += $(wildcard $(KERNELS)/$(ARCH)/*.c)
endif
SOURCES := $(wildcard src/base/*.c src/tensor/*.c src/format/*.c src/text/*.c src/sample/*.c src/hub/*.c \
             src/backend/*.c src/backend/cpu/*.c src/model/*.c src/model/families/*.c \
             src/plan/*.c src/engine/*.c) \
           $(KERNEL_SOURCES)
CLI_SOURCES := $(wildcard src/cli/*.c)
OBJECTS     := $(SOURCES:%.c=$B/%.o) $B/catalogue_data.o
CLI_OBJECTS := $(CLI_SOURCES:%.c=$B/%.o)

# One line for each file; V=1 shows the commands.
ifneq ($(V),1)
Q := @
say = @echo '  $1	$2'
endif

all: $B/heft $B/libheft.a $B/$(SHARED) $B/heft.pc compile_commands.json

# `make install PREFIX=` after a `make` without it writes what names the prefix again.
$B/prefix: FORCE
	@mkdir -p $(@D)
	@echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' > $@

$B/src/cli/settings.o: CPPFLAGS += -DHEFT_PREFIX='"$(PREFIX)"'
$B/src/cli/settings.o: $B/prefix

$B/heft: $(CLI_OBJECTS) $B/internal.a
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(EDIT_LIBS)

# The program and the tests use what embedders do not see.
$B/internal.a: $(OBJECTS)
	$(call say,AR,$@)
	$Qrm -f $@.new && $(AR) rcs $@.new $^ && mv $@.new $@

# One object in which only the names of heft.h are global: any other could be that of a function of
# the program that embeds it. The linker of macOS makes hidden names local by itself.
$B/libheft.o: $(OBJECTS)
	$(call say,LINK,$@)
	$Q$(CC) -r -nostdlib -o $@.new $^
ifeq ($(SHARED),libheft.so)
	$Q$$($(CC) -print-prog-name=objcopy) --localize-hidden $@.new
endif
	$Qmv $@.new $@

$B/libheft.a: $B/libheft.o
	$(call say,AR,$@)
	$Qrm -f $@.new && $(AR) rcs $@.new $^ && mv $@.new $@

$B/$(SHARED_FILE): $(OBJECTS) $B/prefix
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) $(SHARED_FLAGS) -o $@ $(OBJECTS) $(LDLIBS)

$B/$(SHARED): $B/$(SHARED_FILE)
	$Qln -sf $(SHARED_FILE) $B/$(SHARED_NAME) && ln -sf $(SHARED_NAME) $@

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$Q$(CC) $(CPPFLAGS) $(LIBRARY_CFLAGS) $(HEFT_CFLAGS) $(call isa_flags,$<) -MMD -MP -c $< -o $@

# models/catalogue.json, as bytes in the program.
$B/catalogue_data.c: models/catalogue.json Makefile
	@mkdir -p $(@D)
	$Q{ echo '#include "plan/catalogue_data.h"'; echo 'const unsigned char catalogue_data[] = {'; \
	   od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; echo '};'; \
	   echo 'const size_t catalogue_data_bytes = sizeof catalogue_data;'; } > $@

$B/catalogue_data.o: $B/catalogue_data.c
	$(call say,CC,$<)
	$Q$(CC) $(CPPFLAGS) $(HEFT_CFLAGS) -c $< -o $@

$B/heft.pc: tools/heft.pc.in Makefile $B/prefix
	@mkdir -p $(@D)
	$Qsed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(strip $(LDLIBS))|' $< > $@

compile_commands.json: Makefile tools/compile-commands
	@tools/compile-commands '$(CC) $(CPPFLAGS) -std=c17 $(WARNINGS)' $(SOURCES) $(CLI_SOURCES) > $@

# ---- the two commands of the README -------------------------------------------------------------

JOBS := $(shell getconf _NPROCESSORS_ONLN)
QUESTION ?= What is heft?

demo: setup
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@echo; echo '$$ $B/heft run "$(QUESTION)"'
	@$B/heft run "$(QUESTION)"

test: setup
	@$(MAKE) --no-print-directory -j$(JOBS) all tests check
	@tests/run $B

setup:
	@tools/setup

# ---- tests --------------------------------------------------------------------------------------

UNIT := $(patsubst tests/unit/%.c,$B/bin/%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c))
GOLDEN := $(wildcard tests/golden/*.c)
NUMERICS := $(wildcard tests/numerics/*.c) tests/unit/model_file.c
EXAMPLES := $(patsubst examples/%.c,$B/examples/%,$(wildcard examples/*.c))
EXAMPLES += $(EXAMPLES:%=%-shared)

tests: $(UNIT) $B/bin/test_kernels $B/bin/test_golden $B/bin/test_numerics $(EXAMPLES)

$B/bin/test_%: $B/tests/unit/test_%.o $(UNIT_HELPERS:%.c=$B/%.o) $B/internal.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(CMOCKA)

$B/bin/test_kernels: $(patsubst %.c,$B/%.o,$(wildcard tests/kernels/*.c)) $B/internal.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$B/bin/test_golden: $(GOLDEN:%.c=$B/%.o) $B/internal.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(CMOCKA)

$B/bin/test_numerics: $(NUMERICS:%.c=$B/%.o) $B/internal.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(CMOCKA)

EXAMPLE_CFLAGS = -std=c17 -Iinclude $(LIBRARY_CFLAGS) $(CFLAGS) $(SANITIZE) $(LDFLAGS)
$B/examples/%-shared: examples/%.c include/heft.h $B/$(SHARED)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(EXAMPLE_CFLAGS) -o $@ $< -L$B -lheft $(LDLIBS)

$B/examples/%: examples/%.c include/heft.h $B/libheft.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$Q$(CC) $(EXAMPLE_CFLAGS) -o $@ $< $B/libheft.a $(LDLIBS)

# The kernels alone, to run under an emulator: no library of the system is needed.
kernel-test: $B/kernel-test
$B/kernel-test: $(patsubst %.c,$B/%.o,$(wildcard tests/kernels/*.c)) $(KERNEL_SOURCES:%.c=$B/%.o) \
                $(patsubst %.c,$B/%.o,$(wildcard src/tensor/*.c src/backend/cpu/kernels.c src/backend/cpu/peaks.c src/backend/cpu/bandwidth.c src/base/*.c))
	$(call say,LINK,$@)
	$Q$(CC) $(HEFT_CFLAGS) -static $(LDFLAGS) -o $@ $^ -lm

# Every object of the library and the program: what a cross compiler without their libraries can check.
objects: $(OBJECTS) $(CLI_OBJECTS)

check:
	@tools/check-layers

# docs/conformance.md from what the tests find and the records beside them.
conformance: $(addprefix $B/bin/test_,unpack kernels golden)
	@rm -f $B/report
	$Qfor test in $^; do HEFT_REPORT=$B/report $$test >$B/report.log 2>&1 || { cat $B/report.log; exit 1; }; done
	$Qtests/conformance write $B/report >$B/report.md && mv $B/report.md docs/conformance.md

# docs/numerics.md, likewise.
numerics: $B/bin/test_numerics
	@rm -f $B/report
	$QHEFT_REPORT=$B/report $< >$B/report.log 2>&1 || { cat $B/report.log; exit 1; }
	$Qtests/numerics/document write $B/report >$B/report.md && mv $B/report.md docs/numerics.md

bench: all $B/bin/test_kernels
	$B/bin/test_kernels --bench

# One program for each fuzz target, with the sanitizers; `make fuzz FUZZ_SECONDS=60` runs them all.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS := -std=c17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_SOURCES := $(wildcard src/base/*.c src/tensor/*.c src/format/*.c src/text/*.c \
                  src/hub/*.c) src/model/vocabulary.c src/model/metadata.c src/plan/remote.c

fuzz: setup $(FUZZERS:%=build/fuzz/%)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

build/fuzz/%: tests/fuzz/%.c $(FUZZ_SOURCES) Makefile
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$Q$(FUZZ_CC) $(CPPFLAGS) $(LIBRARY_CFLAGS) $(FUZZ_FLAGS) -o $@ $< $(FUZZ_SOURCES) $(LDLIBS)

# ---- the rest -----------------------------------------------------------------------------------

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include \
	           $(DESTDIR)$(PREFIX)/share/heft
	install -m 755 $B/heft $(DESTDIR)$(PREFIX)/bin/heft
	install -m 644 $B/libheft.a $(DESTDIR)$(PREFIX)/lib/libheft.a
	install -m 755 $B/$(SHARED_FILE) $(DESTDIR)$(PREFIX)/lib/$(SHARED_FILE)
	ln -sf $(SHARED_FILE) $(DESTDIR)$(PREFIX)/lib/$(SHARED_NAME)
	ln -sf $(SHARED_NAME) $(DESTDIR)$(PREFIX)/lib/$(SHARED)
	install -m 644 include/heft.h $(DESTDIR)$(PREFIX)/include/heft.h
	install -m 644 $B/heft.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/heft.pc
	install -m 644 models/demo/demo.gguf $(DESTDIR)$(PREFIX)/share/heft/demo.gguf

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/heft $(addprefix $(DESTDIR)$(PREFIX)/lib/,libheft.a $(SHARED) $(SHARED_NAME) $(SHARED_FILE)) \
	      $(DESTDIR)$(PREFIX)/include/heft.h $(DESTDIR)$(PREFIX)/lib/pkgconfig/heft.pc
	rm -rf $(DESTDIR)$(PREFIX)/share/heft

format:
	clang-format -i $$(git ls-files '*.c' '*.h' | grep -v _tables)

clean:
	rm -rf build compile_commands.json

help:
	@echo 'make demo      install what is missing, build, and ask the bundled model a question'
	@echo 'make test      install what is missing, build, run every test'
	@echo 'make           build/heft, build/libheft.a, build/$(SHARED)'
	@echo 'make SAN=1 test   the same under the address and undefined-behaviour sanitizers'
	@echo 'make TSAN=1 test  the same under the thread sanitizer'
	@echo 'make check     includes go down only'
	@echo 'make conformance   docs/conformance.md from what the tests find'
	@echo 'make numerics      docs/numerics.md: what the rounding of activations costs'
	@echo 'make bench     speed of every kernel against the peaks of this machine'
	@echo 'make fuzz FUZZ_SECONDS=60   every parser against random input (clang)'
	@echo 'make install PREFIX=/usr/local, make uninstall, make format, make clean'

.PHONY: FORCE all demo test setup tests kernel-test objects check conformance numerics bench fuzz install uninstall format clean help
.SECONDARY:
-include $(OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(wildcard $B/tests/*/*.d)
