package goroutine

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// faulty is a connection of which one method ends by end.
type faulty struct {
	net.Conn
	method string
	end    func()
}

func (f faulty) Read(b []byte) (int, error) {
	if f.method == "Read" {
		f.end()
	}
	return f.Conn.Read(b)
}

func (f faulty) Write(b []byte) (int, error) {
	if f.method == "Write" {
		f.end()
	}
	return f.Conn.Write(b)
}

// recorder notes which of its methods are called. Panicked ends by end.
type recorder struct {
	stream Stream
	group  Group
	all    sync.WaitGroup
	end    func()

	mu    sync.Mutex
	calls []string
}

func (r *recorder) note(call string) {
	r.mu.Lock()
	r.calls = append(r.calls, call)
	r.mu.Unlock()
}

func (r *recorder) Readable() bool  { r.note("closed"); return true }
func (r *recorder) Writable(uint32) {}
func (r *recorder) Failed()         { r.note("closed") }
func (r *recorder) Group() *Group   { return &r.group }
func (r *recorder) Panicked(method string, _ any) {
	defer r.note(method)
	r.end()
}

// TestPanicsAreCountedFirst: a method that does not return is counted before
// the loop learns that the connection has ended, and that it does learn even if
// the logger ends the goroutine.
func TestPanicsAreCountedFirst(t *testing.T) {
	ends := map[string]func(){"return": func() {}, "panic": func() { panic("a bug") }, "Goexit": runtime.Goexit}
	for _, method := range []string{"Read", "Write"} {
		for name, end := range ends {
			for logName, logEnd := range ends {
				// safelog recovers the panics of the logger.
				if name == "return" || logName == "panic" {
					continue
				}
				t.Run(method+", "+name+", logger: "+logName, func(t *testing.T) {
					ours, theirs := net.Pipe()
					defer ours.Close()
					r := &recorder{end: logEnd}
					r.group = Group{All: &r.all, Written: func() {}}
					r.stream.Init(faulty{theirs, method, end}, r)
					if method == "Read" {
						r.stream.Start()
						r.all.Wait()
					} else if _, err := r.stream.Send(-1, []byte("x")); err != nil {
						t.Fatal(err)
					}
					r.stream.Close(nil)
					r.all.Wait()
					if want := []string{method, "closed"}; !slices.Equal(r.calls, want) {
						t.Errorf("the calls are %q, want %q", r.calls, want)
					}
					r.stream.Lock()
					defer r.stream.Unlock()
					if err := r.stream.Err(); method == "Write" && err != backend.ErrPanic {
						t.Errorf("the stream has failed with %v, want %v", err, backend.ErrPanic)
					}
				})
			}
		}
	}
}
