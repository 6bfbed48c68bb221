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
	pid     int
	start   time.Time
	server  CPU
	own     CPU
	machine machine
}

// Usage is what a window saw.
type Usage struct {
	Wall   time.Duration
	Server CPU
	Load   CPU     // this process
	Other  float64 // cores that all other processes kept busy
	Steal  float64 // cores' worth of time that the hypervisor took
}

// Begin starts a window on the server with the given process id.
func Begin(pid int) (w Window, err error) {
	w = Window{pid: pid, start: time.Now()}
	if w.server, err = ReadCPU(pid); err != nil {
		return w, err
	}
	if w.own, err = ReadCPU(os.Getpid()); err != nil {
		return w, err
	}
	w.machine, err = readMachine()
	return w, err
}

// End closes the window.
func (w Window) End() (u Usage, err error) {
	end, err := Begin(w.pid)
	if err != nil {
		return u, err
	}
	u.Wall = end.start.Sub(w.start)
	u.Server = end.server.minus(w.server)
	u.Load = end.own.minus(w.own)
	others := end.machine.busy - w.machine.busy - u.Server.Total() - u.Load.Total()
	u.Other = max(0, others.Seconds()/u.Wall.Seconds())
	u.Steal = (end.machine.steal - w.machine.steal).Seconds() / u.Wall.Seconds()
	return u, nil
}

// Disturbed says that other work ran on the machine, so that the window's times should not be trusted.
func (u Usage) Disturbed() bool { return u.Other > maxOther || u.Steal > maxSteal }
