//go:build linux

// Command zishang520 serves github.com/zishang520/socket.io for the benchmark
// harness; see ../README.md.
package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	server := socket.NewServer(nil, nil)
	server.On("connection", func(clients ...any) {
		client := clients[0].(*socket.Socket)
		client.On("echo", func(args ...any) {
			last := len(args) - 1
			args[last].(socket.Ack)(args[:last], nil)
		})
		client.On("join", func(args ...any) {
			client.Join(socket.Room(args[0].(string)))
			args[1].(socket.Ack)(nil, nil)
		})
		client.On("broadcast", func(args ...any) {
			server.Emit("message", args[0])
		})
		client.On("room", func(args ...any) {
			server.To(socket.Room(args[0].(string))).Emit("message", args[1])
		})
	})
	go answerFigures()
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), server.ServeHandler(nil)); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// answerFigures answers the harness's questions about the heap.
func answerFigures() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		if questions.Text() == "live" {
			runtime.GC()
		}
		metrics.Read(sample)
		fmt.Printf("{\"heap_used\":%d}\n", sample[0].Value.Uint64())
	}
}
