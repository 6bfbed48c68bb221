//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Memory is what a process holds, in bytes.
type Memory struct {
	RSS int64 // resident set
	PSS int64 // resident set with shared pages divided among their users
}

// ReadMemory reads /proc/PID/smaps_rollup.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, err
	}
	rss, okRSS := kilobytes(b, "Rss:")
	pss, okPSS := kilobytes(b, "Pss:")
	if !okRSS || !okPSS {
		return Memory{}, fmt.Errorf("measure: /proc/%d/smaps_rollup has no Rss and Pss (has the process ended?)", pid)
	}
	return Memory{RSS: rss, PSS: pss}, nil
}

// ReadRSS reads the resident set only, which costs the kernel far less:
// /proc/PID/statm.
func ReadRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, fmt.Errorf("measure: /proc/%d/statm: %q", pid, b)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// PeakRSS is the largest resident set that the process has had: VmHWM in
// /proc/PID/status.
func PeakRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	peak, ok := kilobytes(b, "VmHWM:")
	if !ok {
		return 0, fmt.Errorf("measure: /proc/%d/status has no VmHWM (has the process ended?)", pid)
	}
	return peak, nil
}

// KernelMemory is what the whole machine's kernel holds for sockets, in bytes:
// its slab (socket, file, inode and epoll structures, but also everything else
// that the kernel caches) and the pages of TCP's queues. Both ends of a
// loopback connection are in it, so only differences mean something, and only
// on a quiet machine.
func KernelMemory() (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	slab, ok := kilobytes(b, "Slab:")
	if !ok {
		return 0, fmt.Errorf("measure: /proc/meminfo has no Slab")
	}
	b, err = os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) > 0 && string(fields[0]) == "TCP:" {
			pages, err := strconv.ParseInt(string(fields[len(fields)-1]), 10, 64)
			return slab + pages*int64(os.Getpagesize()), err
		}
	}
	return 0, fmt.Errorf("measure: /proc/net/sockstat has no TCP line")
}

// OpenFiles is the number of descriptors that a process has open.
func OpenFiles(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}

// kilobytes finds a line "Name:   123 kB" and returns it in bytes.
func kilobytes(b []byte, name string) (int64, bool) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) != 2 {
			return 0, false
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		return n << 10, err == nil
	}
	return 0, false
}
