//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of processor time in /proc: USER_HZ is 100 on every Linux
// that Go runs on.
const tick = 10 * time.Millisecond

// CPU is processor time. User and system time have a precision of 10 ms, Total
// is exact.
type CPU struct {
	User, System, Total time.Duration
}

// Plus is the time of both together.
func (c CPU) Plus(b CPU) CPU { return CPU{c.User + b.User, c.System + b.System, c.Total + b.Total} }

func (c CPU) minus(b CPU) CPU { return CPU{c.User - b.User, c.System - b.System, c.Total - b.Total} }

// ReadCPU reads what a process has used since it started, all of its threads.
func ReadCPU(pid int) (CPU, error) {
	var total unix.Timespec
	if err := unix.ClockGettime(clockOf(pid), &total); err != nil {
		return CPU{}, fmt.Errorf("measure: processor time of process %d (has it ended?): %w", pid, err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, err
	}
	// The command's name may hold anything, so count from its closing bracket:
	// state is field 3, utime 14, stime 15.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return CPU{}, fmt.Errorf("measure: /proc/%d/stat: %q", pid, b)
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err1 != nil || err2 != nil {
		return CPU{}, fmt.Errorf("measure: /proc/%d/stat: %q", pid, b)
	}
	return CPU{time.Duration(user) * tick, time.Duration(system) * tick, time.Duration(total.Nano())}, nil
}

// clockOf is the clock of a process's processor time: clock_getcpuclockid(3)
// makes it of the complement of the process id and of the number of the
// scheduler's own clock.
func clockOf(pid int) int32 {
	const scheduled = 2
	return int32(^pid)<<3 | scheduled
}

// machine is the processor time of all cores since boot.
type machine struct {
	busy  time.Duration // processes, without interrupts
	steal time.Duration // what the hypervisor gave to others while we wanted to run
}

func readMachine() (machine, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return machine{}, fmt.Errorf("measure: /proc/stat: %q", line)
	}
	var ticks [8]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(string(fields[i+1]), 10, 64); err != nil {
			return machine{}, err
		}
	}
	const user, nice, system, steal = 0, 1, 2, 7
	return machine{
		busy:  time.Duration(ticks[user]+ticks[nice]+ticks[system]) * tick,
		steal: time.Duration(ticks[steal]) * tick,
	}, nil
}
