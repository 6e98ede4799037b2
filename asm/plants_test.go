package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listed is a fault of testdata/faults.txt, in code that is written by hand.
type listed struct {
	fault   string
	edits   []edit
	tests   []target
	static  bool   // the fault is there without being switched on
	flags   string // of the build, such as -asan
	seconds int    // after which the test is ended with the fault; it may not end by itself
}

// target is a test that must find a fault, and the folder of its package.
type target struct{ folder, test string }

// edit replaces lines of a file.
type edit struct{ file, old, new string }

const (
	// listFile has the form that its first lines describe.
	listFile = "testdata/faults.txt"
	// on stands in new lines for whether the fault is on.
	on = "PLANTED"
	// faultVariable names the environment variable with the fault that is on.
	faultVariable = "SPATIALDROPOUT_PLANTED"
	// usual is how many seconds a test may take.
	usual = 60
)

// readFaults reads the list. Errors name its lines.
func readFaults(text string) ([]listed, error) {
	var all []listed
	var file string
	var was string // the key of the line before
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			was = ""
			continue
		}
		bad := func(format string, args ...any) ([]listed, error) {
			return nil, fmt.Errorf("line %d, %q: %s", n, line, fmt.Sprintf(format, args...))
		}
		if strings.HasPrefix(line, "fault ") {
			all, file, was = append(all, listed{fault: line[6:], seconds: usual}), "", ""
			continue
		}
		if len(all) == 0 {
			return bad("no fault before it")
		}
		f := &all[len(all)-1]
		switch key, value, _ := strings.Cut(line, " "); {
		case line[0] == '-' || line[0] == '+':
			if file == "" {
				return bad("no file before it")
			}
			if line[0] == '-' && was != "-" {
				f.edits = append(f.edits, edit{file: file})
			}
			if len(f.edits) == 0 || f.edits[len(f.edits)-1].file != file {
				return bad("a new line without an old one")
			}
			e := &f.edits[len(f.edits)-1]
			if line[0] == '-' {
				e.old += line[1:] + "\n"
			} else {
				e.new += line[1:] + "\n"
			}
			was = line[:1]
			continue
		case key == "file":
			file = value
		case key == "test":
			folder, test, _ := strings.Cut(value, " ")
			if test == "" || strings.Contains(test, " ") {
				return bad("want a folder and the name of a test")
			}
			f.tests = append(f.tests, target{folder, test})
		case key == "flags":
			f.flags = value
		case key == "seconds":
			if _, err := fmt.Sscan(value, &f.seconds); err != nil {
				return bad("%v", err)
			}
		default:
			return bad("an unknown key")
		}
		was = ""
	}
	seen := map[string]bool{}
	for i := range all {
		f := &all[i]
		if len(f.tests) == 0 || len(f.edits) == 0 || seen[f.fault] {
			return nil, fmt.Errorf("%q: want a name of its own, a test and lines that change", f.fault)
		}
		seen[f.fault] = true
		f.static = !slices.ContainsFunc(f.edits, func(e edit) bool { return strings.Contains(e.new, on) })
	}
	return all, nil
}

// apply returns the files of the repository with the faults. texts holds those that others
// have changed. Old lines must be there, once.
func (f *listed) apply(root string, texts map[string]string) error {
	for _, e := range f.edits {
		text, ok := texts[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return err
			}
			text = string(b)
		}
		if n := strings.Count("\n"+text, "\n"+e.old); n != 1 {
			return fmt.Errorf("%s has these lines %d times, want once:\n%s", e.file, n, e.old)
		}
		text = strings.Replace("\n"+text, "\n"+e.old, "\n"+strings.ReplaceAll(e.new, on, fmt.Sprintf("(plantedFault == %q)", f.fault)), 1)[1:]
		texts[e.file] = text
		if f.static {
			continue
		}
		// The switch is a variable of each package, and of its tests if they are one.
		file := "planted_fault.go"
		if strings.HasSuffix(e.file, "_test.go") {
			file = "planted_fault_test.go"
		}
		name := regexp.MustCompile(`(?m)^package (\w+)`).FindStringSubmatch(text)
		if name == nil {
			return fmt.Errorf("%s has no package", e.file)
		}
		texts[path.Join(path.Dir(e.file), file)] = fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar plantedFault = os.Getenv(%q)\n", name[1], faultVariable)
	}
	return nil
}

// TestListedFaultsAreFound plants the faults of the list and has each found by its test, which
// passes without. All that can be switched on are in one program for each package. A fault whose
// lines have changed fails the test: it has to be planted anew.
func TestListedFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds and runs the tests of other packages")
	}
	text, err := os.ReadFile(listFile)
	if err != nil {
		t.Fatal(err)
	}
	all, err := readFaults(string(text))
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	switched := map[string]string{}
	for i := range all {
		f := &all[i]
		texts := switched
		if f.static {
			texts = map[string]string{}
		}
		if err := f.apply(root, texts); err != nil {
			t.Fatalf("%s: %v", f.fault, err)
		}
	}
	overlay := writeOverlay(t, t.TempDir(), root, switched)
	programs := map[string]func() string{} // with the faults that are switched on, by folder and flags
	for _, f := range all {
		for _, test := range f.tests {
			key := test.folder + " " + f.flags
			if !f.static && programs[key] == nil {
				program := filepath.Join(t.TempDir(), "planted")
				programs[key] = sync.OnceValue(func() string {
					return buildTest(t, filepath.Join(root, test.folder), program, nil, append(strings.Fields(f.flags), "-overlay", overlay)...)
				})
			}
		}
	}
	// A test without a fault is the same for all faults of its program.
	type sound struct {
		program string
		test    target
	}
	var mutex sync.Mutex
	without := map[sound]func() result{}
	runWithout := func(f *listed, program string, test target) result {
		mutex.Lock()
		key := sound{program, test}
		if without[key] == nil {
			without[key] = sync.OnceValue(func() result { return f.run(root, program, test, faultVariable+"=", usual) })
		}
		run := without[key]
		mutex.Unlock()
		return run()
	}
	for _, f := range all {
		for _, test := range f.tests {
			t.Run(strings.ReplaceAll(f.fault+", "+test.folder, " ", "_"), func(t *testing.T) {
				t.Parallel()
				var planted, sound string
				with := faultVariable + "=" + f.fault
				if !f.static {
					planted = programs[test.folder+" "+f.flags]()
					sound = planted
				} else {
					// A test may call the go command itself, on files with the fault.
					texts := map[string]string{}
					if err := f.apply(root, texts); err != nil {
						t.Fatal(err)
					}
					dir := t.TempDir()
					overlay := writeOverlay(t, dir, root, texts)
					// Programs with faults that are switched off pass.
					if program := programs[test.folder+" "+f.flags]; program != nil {
						sound = program()
					} else {
						sound = buildTest(t, filepath.Join(root, test.folder), filepath.Join(dir, "sound"), nil, strings.Fields(f.flags)...)
					}
					planted = buildTest(t, filepath.Join(root, test.folder), filepath.Join(dir, "planted"), nil, append(strings.Fields(f.flags), "-overlay", overlay)...)
					with = "GOFLAGS=-trimpath -overlay=" + overlay
				}
				if r := runWithout(&f, sound, test); r.err != nil || !r.ran {
					t.Fatalf("%s has run, %v, and fails without the fault: %v\n%s", test.test, r.ran, r.err, r.out)
				}
				r := f.run(root, planted, test, with, f.seconds)
				if r.err == nil || !r.ran {
					t.Fatalf("%s has run, %v, and does not find it: %s", test.test, r.ran, r.out)
				}
				t.Logf("%v\n%s", r.err, r.out)
			})
		}
	}
}

// result is what a test has come to.
type result struct {
	out string
	ran bool // and has not skipped itself
	err error
}

// run runs the test of a fault. Memory and time are bounded: both may be what the fault takes.
func (f *listed) run(root, program string, test target, environment string, seconds int) result {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	bounds := "ulimit -v 16000000; "
	if strings.Contains(f.flags, "-asan") {
		bounds = "" // the address sanitizer reserves terabytes
	}
	c := exec.CommandContext(ctx, "sh", "-c", bounds+`exec "$0" "$@"`, program, "-test.short", "-test.v", "-test.run", "^"+test.test+"$")
	c.Dir = filepath.Join(root, test.folder)
	c.Env = append(os.Environ(), environment)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	ran := strings.Contains(string(out), "=== RUN   "+test.test+"\n") && !strings.Contains(string(out), "--- SKIP")
	if len(out) > 2000 {
		out = append(out[:1000], out[len(out)-1000:]...)
	}
	return result{string(out), ran, err}
}

// TestListsOfFaultsAreRead reads lists with mistakes.
func TestListsOfFaultsAreRead(t *testing.T) {
	const good = "# a comment\nfault one\nfile asm/main.go\n-a\n-b\n+c PLANTED\n-d\ntest asm TestX\n\nfault two\nfile x\n-a\n+b\nfile y\n-e\n+f\nseconds 5\nflags -tags purego\ntest . TestY\ntest x TestZ\n"
	all, err := readFaults(good)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	one := listed{fault: "one", edits: []edit{{"asm/main.go", "a\nb\n", "c PLANTED\n"}, {"asm/main.go", "d\n", ""}}, tests: []target{{"asm", "TestX"}}, seconds: usual}
	two := listed{fault: "two", edits: []edit{{"x", "a\n", "b\n"}, {"y", "e\n", "f\n"}}, tests: []target{{".", "TestY"}, {"x", "TestZ"}}, static: true, flags: "-tags purego", seconds: 5}
	for i, want := range []listed{one, two} {
		if fmt.Sprintf("%+v", all[i]) != fmt.Sprintf("%+v", want) {
			t.Errorf("read %+v, want %+v", all[i], want)
		}
	}
	for old, new := range map[string]string{"fault one\n": "", "file asm/main.go\n": "", "test asm TestX": "test TestX", "test . TestY\ntest x TestZ\n": "", "-a\n-b\n": "", "seconds 5": "seconds five", "flags": "flag", "fault two": "fault one"} {
		if all, err := readFaults(strings.Replace(good, old, new, 1)); err == nil {
			t.Errorf("without %q: %+v, want an error", old, all)
		}
	}
	f := listed{fault: "none", edits: []edit{{"asm/main.go", "no such line\n", ""}}}
	if err := f.apply("..", map[string]string{}); err == nil || !strings.Contains(err.Error(), "0 times, want once") {
		t.Errorf("a line that is not there: %v", err)
	}
}
