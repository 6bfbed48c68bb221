package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// answer answers the harness's questions, one a line.
func answer(server *sio.Server, questions io.Reader) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for lines := bufio.NewScanner(questions); lines.Scan(); {
		question, argument, _ := strings.Cut(lines.Text(), " ")
		switch question {
		case "stats":
			stats, err := json.Marshal(server.Stats())
			if err != nil {
				fmt.Fprintln(os.Stderr, "Error:", err)
				continue
			}
			fmt.Printf("{\"goroutines\":%d,\"stats\":%s}\n", runtime.NumGoroutine(), stats)
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
				runtime.GC()
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
