//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// answerer answers the harness's questions.
type answerer struct {
	server  *sio.Server
	cluster func() any  // figures of the adapter, nil without one
	control *control    // nil without
	nodes   *nodes      // nil without forwarding
	packed  *sio.Server // whose packets are MessagePack, nil without
	secure  string      // host:port with TLS, "" without
}

// figures are the server's counters.
type figures struct {
	sio.Stats
	Cluster any        `json:",omitempty"`
	Packed  *sio.Stats `json:",omitempty"`
}

func (a answerer) figures() figures {
	f := figures{Stats: a.server.Stats()}
	if a.cluster != nil {
		f.Cluster = a.cluster()
	}
	if a.packed != nil {
		stats := a.packed.Stats()
		f.Packed = &stats
	}
	return f
}

// answer answers the harness's questions, one a line.
func (a answerer) answer(questions io.Reader) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for lines := bufio.NewScanner(questions); lines.Scan(); {
		question, argument, _ := strings.Cut(lines.Text(), " ")
		switch question {
		case "stats":
			stats, err := json.Marshal(a.figures())
			if err != nil {
				fmt.Fprintln(os.Stderr, "Error:", err)
				continue
			}
			fmt.Printf("{\"goroutines\":%d,\"stats\":%s}\n", runtime.NumGoroutine(), stats)
		case "control":
			if a.control == nil {
				fmt.Fprintln(os.Stderr, "Error: started without -control")
				continue
			}
			fmt.Printf("{\"control\":%q}\n", a.control.addr)
		case "secure":
			if a.secure == "" {
				fmt.Fprintln(os.Stderr, "Error: started without -tls")
				continue
			}
			fmt.Printf("{\"secure\":%q}\n", a.secure)
		case "nodes":
			if a.nodes == nil {
				fmt.Fprintln(os.Stderr, "Error: started without -forward")
				continue
			}
			fmt.Printf("{\"nodes\":%d}\n", a.nodes.set(argument))
		case "exhaust":
			milliseconds, err := strconv.Atoi(argument)
			if err != nil {
				fmt.Fprintln(os.Stderr, "Error:", err)
				continue
			}
			files := exhaust()
			fmt.Printf("{\"opened\":%d}\n", len(files))
			time.AfterFunc(time.Duration(milliseconds)*time.Millisecond, func() {
				for _, file := range files {
					file.Close()
				}
			})
		default:
			if question == "live" {
				runtime.GC() // what a sync.Pool holds goes with the second one
				debug.FreeOSMemory()
			}
			metrics.Read(sample)
			fmt.Printf("{\"heap_used\":%d}\n", sample[0].Value.Uint64())
		}
	}
}

// exhaust opens files until there are no descriptors left.
func exhaust() (files []*os.File) {
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return files
		}
		files = append(files, file)
	}
}
