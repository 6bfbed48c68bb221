//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

const (
	redraw  = 200 * time.Millisecond // on a terminal
	newLine = 10 * time.Second       // in a log
)

// display shows the progress: on a terminal one line that changes, elsewhere a
// line every few seconds.
type display struct {
	w        io.Writer
	terminal bool
	run      string
	shown    time.Time
}

func newDisplay(w io.Writer) *display {
	d := &display{w: w}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		d.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return d
}

func (d *display) show(run, what string, done, total int) {
	interval := newLine
	if d.terminal {
		interval = redraw
	}
	if now := time.Now(); run != d.run || now.Sub(d.shown) >= interval {
		d.run, d.shown = run, now
	} else {
		return
	}
	line := run + "  " + what
	if total > 0 {
		line += fmt.Sprintf("  %d%%", 100*min(done, total)/total)
	}
	if d.terminal {
		fmt.Fprintf(d.w, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(d.w, line)
	}
}

func (d *display) clear() {
	if d.terminal {
		fmt.Fprint(d.w, "\r\x1b[K")
	}
}
