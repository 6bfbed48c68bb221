package sio_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails when a server has left goroutines or descriptors behind.
func TestMain(m *testing.M) {
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	code := m.Run()
	closeIdle()
	deadline := time.Now().Add(5 * time.Second)
	for code == 0 && (runtime.NumGoroutine() > goroutines || openDescriptors() > descriptors+2) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "leaked: %d goroutines were %d, %d descriptors were %d\n%s\n",
				runtime.NumGoroutine(), goroutines, openDescriptors(), descriptors, buf[:runtime.Stack(buf, true)])
			code = 1
		}
		time.Sleep(time.Millisecond)
	}
	os.Exit(code)
}

func openDescriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
