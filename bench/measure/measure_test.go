//go:build linux

package measure_test

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
)

func TestParseCores(t *testing.T) {
	for list, want := range map[string][]int{"0": {0}, "1,3": {1, 3}, "0,2-4": {0, 2, 3, 4}} {
		if got, err := measure.ParseCores(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", list, got, err, want)
		}
	}
	for _, list := range []string{"", "a", "-1", "3-1", "1,,2"} {
		if got, err := measure.ParseCores(list); err == nil {
			t.Errorf("%q: accepted as %v", list, got)
		}
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	memory, err := measure.ReadMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	rss, err := measure.ReadRSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if memory.PSS <= 0 || memory.PSS > memory.RSS {
		t.Errorf("Pss %d, Rss %d", memory.PSS, memory.RSS)
	}
	if diff := rss - memory.RSS; diff > 32<<20 || diff < -32<<20 {
		t.Errorf("the two readings of the resident set differ: %d and %d", rss, memory.RSS)
	}
	if kernel, err := measure.KernelMemory(); err != nil || kernel <= 0 {
		t.Errorf("kernel memory %d, %v", kernel, err)
	}
	before, err := measure.OpenFiles(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, _ := measure.OpenFiles(os.Getpid()); after != before+1 {
		t.Errorf("%d files open, want %d", after, before+1)
	}
}

func TestListeners(t *testing.T) {
	mine, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	other := exec.Command("sleep", "10")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	port := uint16(mine.Addr().(*net.TCPAddr).Port)
	count := func(pid int) [2]int {
		own, others, err := measure.Listeners(pid, port)
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{own, others}
	}
	if got := count(os.Getpid()); got != [2]int{1, 0} {
		t.Errorf("of this process and of others: %v, want 1 and 0", got)
	}
	if got := count(other.Process.Pid); got != [2]int{0, 1} {
		t.Errorf("seen from another process: %v, want 0 and 1", got)
	}
	mine.Close()
	if got := count(os.Getpid()); got != [2]int{} {
		t.Errorf("when it is closed: %v", got)
	}
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	port = uint16(everywhere.Addr().(*net.TCPAddr).Port)
	if got := count(os.Getpid()); got != [2]int{1, 0} {
		t.Errorf("at every address: %v, want 1 and 0", got)
	}
}

func TestMemoryOfNoProcess(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.ProcessState.Pid()
	if _, err := measure.ReadMemory(pid); err == nil {
		t.Error("memory of a process that has ended")
	}
	if _, err := measure.Begin(pid); err == nil {
		t.Error("processor time of a process that has ended")
	}
}

func TestWindowSeesWork(t *testing.T) {
	idle := exec.Command("sleep", "10")
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = idle.Process.Kill()
		_ = idle.Wait()
	}()
	w, err := measure.Begin(os.Getpid(), idle.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
		runtime.Gosched()
	}
	usage, err := w.End()
	if err != nil {
		t.Fatal(err)
	}
	if usage.Wall < 100*time.Millisecond {
		t.Errorf("wall time %v", usage.Wall)
	}
	busy, asleep := usage.Servers[0].Total, usage.Servers[1].Total
	if diff := usage.Servers[0].User + usage.Servers[0].System - busy; diff.Abs() > 50*time.Millisecond {
		t.Errorf("user and system time %+v are not the total", usage.Servers[0])
	}
	if diff := busy - usage.Load.Total; busy <= 0 || diff.Abs() > 50*time.Millisecond {
		t.Errorf("busy for 100 ms: server %v, load %+v, which are one process here", busy, usage.Load)
	}
	if asleep > 50*time.Millisecond {
		t.Errorf("asleep, and %v of processor time", asleep)
	}
}

func TestDisturbed(t *testing.T) {
	for _, tc := range []struct {
		usage measure.Usage
		want  bool
	}{
		{measure.Usage{}, false},
		{measure.Usage{Other: 0.05, Steal: 0.01}, false},
		{measure.Usage{Other: 0.5}, true},
		{measure.Usage{Steal: 0.1}, true},
	} {
		if got := tc.usage.Disturbed(); got != tc.want {
			t.Errorf("%+v: %v", tc.usage, got)
		}
	}
}

func TestPinThread(t *testing.T) {
	all, err := measure.Cores()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	undo, err := measure.PinThread(all[:1])
	if err != nil {
		t.Fatal(err)
	}
	if pinned, _ := measure.Cores(); !slices.Equal(pinned, all[:1]) {
		t.Errorf("pinned to %v, want %v", pinned, all[:1])
	}
	undo()
	if back, _ := measure.Cores(); !slices.Equal(back, all) {
		t.Errorf("back on %v, want %v", back, all)
	}
}

func TestMachine(t *testing.T) {
	m := measure.ReadMachine()
	if m.Cores < 1 || m.Memory <= 0 || m.Kernel == "" || m.Go == "" {
		t.Errorf("%+v", m)
	}
}
