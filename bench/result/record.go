//go:build linux

package result

import (
	"time"

	"github.com/sioserver/sioserver/bench/measure"
)

// Type is the kind of a line in a file.
type Type string

const (
	Start Type = "start" // first line: where and how
	Run   Type = "run"   // one run of one scenario against one server
	Skip  Type = "skip"  // a server that was left out, and why
	End   Type = "end"   // last line
)

// Record is one line.
type Record struct {
	Type Type      `json:"type"`
	Time time.Time `json:"time"`

	// Of a start.
	Machine *measure.Machine `json:"machine,omitempty"`
	Command string           `json:"command,omitempty"`
	Cores   *Cores           `json:"cores,omitempty"`

	// Of a run or a skip.
	Profile   string             `json:"profile,omitempty"`
	Title     string             `json:"title,omitempty"`
	Kind      string             `json:"kind,omitempty"`
	Transport string             `json:"transport,omitempty"`
	Peer      string             `json:"peer,omitempty"`
	Label     string             `json:"label,omitempty"`
	Run       int                `json:"run,omitempty"`     // 1 for the first
	Attempt   int                `json:"attempt,omitempty"` // more than 1 when disturbed runs were repeated
	Figures   map[string]float64 `json:"figures,omitempty"` // the unit is the end of the name
	Series    []Sample           `json:"series,omitempty"`  // memory readings
	Disturbed bool               `json:"disturbed,omitempty"`
	// Of an attack: its name, what it has counted itself, and by how much the
	// server's counters have moved that do not move without it.
	Attack string             `json:"attack,omitempty"`
	Seen   map[string]float64 `json:"seen,omitempty"`
	Moved  map[string]float64 `json:"moved,omitempty"`
	// Shown is the result of a case of the kind "link", in words; Moved then
	// has counters of losses.
	Shown string `json:"shown,omitempty"`
	// Error says why the run failed or the server was left out; figures of a
	// failed run are not to be used.
	Error string `json:"error,omitempty"`

	// Of an end.
	Partial bool `json:"partial,omitempty"`
}

// Cores says where server and load ran.
type Cores struct {
	Server []int `json:"server"`
	Load   []int `json:"load"`
}

// Sample is the server's memory at one moment, in bytes; figures that were not
// read are zero.
type Sample struct {
	Seconds  float64 `json:"t"` // since the first client was dialled
	Clients  int     `json:"clients"`
	RSS      int64   `json:"rss"`
	PSS      int64   `json:"pss,omitempty"`
	HeapUsed int64   `json:"heap_used,omitempty"`
	Kernel   int64   `json:"kernel,omitempty"` // of the whole machine, both ends of every connection
	// Of a soak: descriptors, goroutines, and the median and 99th percentile of
	// the round trips since the last sample, in microseconds.
	Files      int   `json:"files,omitempty"`
	Goroutines int   `json:"goroutines,omitempty"`
	P50        int64 `json:"p50_us,omitempty"`
	P99        int64 `json:"p99_us,omitempty"`
}
