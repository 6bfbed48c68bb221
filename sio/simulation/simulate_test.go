package simulation

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

var (
	seedFlag    = flag.Uint64("seed", 1, "the first seed; 0 draws one")
	forFlag     = flag.Duration("for", 2*time.Second, "for how long seeds are run")
	clientsFlag = flag.Int("clients", 0, "how many clients there are; 0 leaves it to the seed")
	traceFlag   = flag.Bool("trace", false, "print all that happens with the first seed")
	skipFlag    = flag.String("skip", "", "the steps that are left out, as 0-99,120")
	onceFlag    = flag.Bool("once", false, "run the first seed alone, in this process, without making it small")
	shrinkFlag  = flag.Duration("shrink", 2*time.Minute, "for how long a run that fails is made smaller")
)

// simulate runs a seed twice, and fails if something is broken or the runs
// differ.
func simulate(t *testing.T, seed uint64, skipped stepSet) {
	t.Helper()
	opt := Draw(seed)
	if *clientsFlag > 0 {
		opt.Clients, opt.Steps = *clientsFlag, opt.Steps+4**clientsFlag
	}
	first := inBubble(t, seed, opt, skipped)
	if *traceFlag {
		for _, l := range first.Lines {
			fmt.Println(l)
		}
	}
	t.Logf("seed %d: %016x, %s, %+v", seed, first.Hash, first.Figures, opt)
	if t.Failed() || !repeatable {
		return
	}
	// On a busy machine the runtime takes the processor from a goroutine that
	// has it for too long, and another one comes first. That is rare enough not
	// to happen to the same run again.
	opt.Locks = false // once is enough
	var second Result
	for range 4 {
		if second = inBubble(t, seed, opt, skipped); second.Hash == first.Hash {
			return
		}
		t.Logf("seed %d: the trace is %016x, then %016x", seed, first.Hash, second.Hash)
		logDifference(t, first.Lines, second.Lines)
		first = second
	}
	t.Errorf("seed %d: no two runs have the same trace", seed)
}

// logDifference logs where two traces part.
func logDifference(t *testing.T, a, b []string) {
	part := func(lines []string, from, to int) string {
		return strings.Join(lines[max(from, 0):min(to, len(lines))], "\n")
	}
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			t.Logf("both:\n%s\nthen either:\n%s\nor:\n%s", part(a, i-10, i), part(a, i, i+3), part(b, min(i, len(b)), i+3))
			return
		}
	}
}

func inBubble(t *testing.T, seed uint64, opt Options, skipped stepSet) (r Result) {
	runtime.GC()
	runtime.GC() // empties the pools: channels in them belong to the bubble that has ended
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		r = Run(t, seed, opt, skipped.has)
	})
	return r
}

// onOneProcessor makes the order of goroutines depend on nothing else.
func onOneProcessor(t *testing.T) {
	processors, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(processors)
		debug.SetGCPercent(percent)
	})
}

// TestSimulate runs seeds, one after the other. It prints the first one that
// fails, with the steps that it takes.
func TestSimulate(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if *onceFlag || *traceFlag {
		onOneProcessor(t)
		simulate(t, seed, parseSteps(t, *skipFlag))
		return
	}
	fmt.Printf("the first seed is %d\n", seed)
	began, count := time.Now(), 0
	for time.Since(began) < *forFlag {
		failing, next, output := series(t, seed, *forFlag-time.Since(began))
		if output != "" {
			t.Errorf("seed %d fails:\n%s", failing, output)
			shrink(t, failing)
			return
		}
		count += int(next - seed)
		seed = next
	}
	t.Logf("%d seeds in %v", count, time.Since(began).Round(time.Second))
}

// TestSeeds runs the seeds that have found something.
func TestSeeds(t *testing.T) {
	onOneProcessor(t)
	b, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		number, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number == "" || number == "#" {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(number, func(t *testing.T) {
			t.Log(what)
			simulate(t, seed, nil)
		})
	}
}

// child runs the test's own program, because a broken promise may be a panic on
// a loop, which ends it.
func child(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	return cmd
}

// series runs seeds in another process until one fails or the time is over.
func series(t *testing.T, seed uint64, d time.Duration) (failing, next uint64, output string) {
	cmd := child("-test.run=^TestSeries$", "-test.v", fmt.Sprint("-seed=", seed), fmt.Sprint("-for=", d), fmt.Sprint("-clients=", *clientsFlag))
	cmd.Env = append(cmd.Env, "SIMULATION_SERIES=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var last []string
	for sc := bufio.NewScanner(bytes.NewReader(out.Bytes())); sc.Scan(); {
		if number, ok := strings.CutPrefix(sc.Text(), "SEED "); ok {
			next, _ = strconv.ParseUint(number, 10, 64)
			last = nil
			continue
		}
		last = append(last, sc.Text())
	}
	if err == nil {
		return 0, next + 1, ""
	}
	return next, next, strings.Join(last[:min(len(last), 60)], "\n")
}

// TestSeries is the other process of TestSimulate.
func TestSeries(t *testing.T) {
	if os.Getenv("SIMULATION_SERIES") == "" {
		t.Skip("it is run by TestSimulate")
	}
	onOneProcessor(t)
	began := time.Now()
	for seed := *seedFlag; seed == *seedFlag || time.Since(began) < *forFlag; seed++ {
		fmt.Println("SEED", seed)
		if simulate(t, seed, nil); t.Failed() {
			return
		}
	}
}

// stepSet are steps of a plan, by number.
type stepSet []int

func (s stepSet) has(step int) bool {
	_, found := slices.BinarySearch(s, step)
	return found
}

// String is the form of the flag.
func (s stepSet) String() string {
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1] == s[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		if fmt.Fprint(&b, s[i]); j > i {
			fmt.Fprintf(&b, "-%d", s[j])
		}
		i = j + 1
	}
	return b.String()
}

func parseSteps(t *testing.T, text string) (s stepSet) {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		from, to, ranged := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if ranged && err == nil {
			b, err = strconv.Atoi(to)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := a; i <= b; i++ {
			s = append(s, i)
		}
	}
	return s
}

// shrink leaves out steps of a run that fails, as long as it fails, halves
// first, and prints what is left.
func shrink(t *testing.T, seed uint64) {
	opt := Draw(seed)
	if *clientsFlag > 0 {
		opt.Clients, opt.Steps = *clientsFlag, opt.Steps+4**clientsFlag
	}
	end := time.Now().Add(*shrinkFlag)
	fails := func(skipped stepSet) bool {
		err := child("-test.run=^TestSimulate$", "-once", fmt.Sprint("-seed=", seed), fmt.Sprint("-clients=", *clientsFlag), "-skip="+skipped.String()).Run()
		return err != nil
	}
	if !fails(nil) {
		t.Errorf("seed %d does not fail alone", seed)
		return
	}
	var left stepSet
	for i := range opt.Steps {
		left = append(left, i)
	}
	without := func(kept stepSet) (skipped stepSet) {
		for i := range opt.Steps {
			if !kept.has(i) {
				skipped = append(skipped, i)
			}
		}
		return skipped
	}
	for size := max(len(left)/2, 1); size >= 1 && time.Now().Before(end); size /= 2 {
		for at := 0; at < len(left) && time.Now().Before(end); {
			kept := slices.Concat(left[:at], left[min(at+size, len(left)):])
			if fails(without(kept)) {
				left = kept
			} else {
				at += size
			}
		}
	}
	steps := plan(planRandom(seed), opt)
	var b strings.Builder
	for _, i := range left {
		fmt.Fprintf(&b, "%5d %v\n", i, steps[i])
	}
	t.Errorf("%d of %d steps are left; repeat with\n\tmake simulate ARGS=\"-seed %d -clients %d -once -trace -skip %s\"\n%s",
		len(left), opt.Steps, seed, *clientsFlag, without(left), b.String())
}
