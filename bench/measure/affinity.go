//go:build linux

package measure

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCores is how many cores a unix.CPUSet can hold.
const maxCores = 1024

// ParseCores reads a list such as "0,2-3".
func ParseCores(list string) ([]int, error) {
	var cores []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last < first || last >= maxCores {
			return nil, fmt.Errorf("cores %q: want numbers and ranges, such as \"0,2-3\"", list)
		}
		for core := first; core <= last; core++ {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

func set(cores []int) *unix.CPUSet {
	var s unix.CPUSet
	for _, core := range cores {
		s.Set(core)
	}
	return &s
}

// PinThread restricts the calling thread, and what it starts, to the cores and
// returns a function that undoes it. The caller must have locked its goroutine
// to the thread.
func PinThread(cores []int) (undo func(), err error) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	if err := unix.SchedSetaffinity(0, set(cores)); err != nil {
		return nil, fmt.Errorf("pin to cores %v: %w", cores, err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &before) }, nil
}

// PinSelf restricts every thread of this process, and those it will start, to
// the cores.
func PinSelf(cores []int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(tid, set(cores)); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pin to cores %v: %w", cores, err)
		}
	}
	return nil
}

// Cores lists the cores that this process may run on.
func Cores() ([]int, error) {
	var s unix.CPUSet
	if err := unix.SchedGetaffinity(0, &s); err != nil {
		return nil, err
	}
	var cores []int
	for core := 0; len(cores) < s.Count(); core++ {
		if s.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}
