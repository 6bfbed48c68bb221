//go:build linux

package measure

import (
	"os"
	"time"
)

// Limits above which a window counts as disturbed. Shares are of one core.
const (
	maxOther = 0.10
	maxSteal = 0.02
)

// Window measures one stretch of time.
type Window struct {
	pids    []int
	start   time.Time
	servers []CPU
	own     CPU
	machine machine
}

// Usage is what a window saw.
type Usage struct {
	Wall    time.Duration
	Servers []CPU   // each of the processes, as they were given to Begin
	Load    CPU     // this process
	Other   float64 // cores that all other processes kept busy
	Steal   float64 // cores' worth of time that the hypervisor took
}

// Begin starts a window on the servers with the given process ids.
func Begin(pids ...int) (w Window, err error) {
	w = Window{pids: pids, start: time.Now(), servers: make([]CPU, len(pids))}
	for i, pid := range pids {
		if w.servers[i], err = ReadCPU(pid); err != nil {
			return w, err
		}
	}
	if w.own, err = ReadCPU(os.Getpid()); err != nil {
		return w, err
	}
	w.machine, err = readMachine()
	return w, err
}

// End closes the window.
func (w Window) End() (u Usage, err error) {
	end, err := Begin(w.pids...)
	if err != nil {
		return u, err
	}
	u.Wall = end.start.Sub(w.start)
	u.Load = end.own.minus(w.own)
	others := end.machine.busy - w.machine.busy - u.Load.Total
	for i, server := range end.servers {
		u.Servers = append(u.Servers, server.minus(w.servers[i]))
		others -= u.Servers[i].Total
	}
	u.Other = max(0, others.Seconds()/u.Wall.Seconds())
	u.Steal = (end.machine.steal - w.machine.steal).Seconds() / u.Wall.Seconds()
	return u, nil
}

// Disturbed reports whether other work ran on the machine, so that the window's
// times can't be trusted.
func (u Usage) Disturbed() bool { return u.Other > maxOther || u.Steal > maxSteal }
