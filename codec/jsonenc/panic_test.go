package jsonenc

import (
	"errors"
	"runtime"
	"testing"
)

type troubled struct{ do func() }

func (tr troubled) MarshalJSON() ([]byte, error) {
	tr.do()
	return []byte("1"), nil
}

// TestPanics: a panic in a value's method is an error, and neither it nor the
// end of the goroutine there harms later calls.
func TestPanics(t *testing.T) {
	cause := errors.New("mine")
	for range 100 {
		dst := []byte("before")
		out, err := Append(dst, []any{"x", &troubled{func() { panic(cause) }}})
		var p *PanicError
		if !errors.As(err, &p) || !errors.Is(err, cause) || len(p.Stack) == 0 || string(out) != "before" {
			t.Fatalf("%s, %v", out, err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = Append(nil, []any{"y", troubled{runtime.Goexit}})
			t.Error("the goroutine has not ended")
		}()
		<-ended
		if out, err := Append(dst, []any{"z", troubled{func() {}}}); err != nil || string(out) != `before["z",1]` {
			t.Fatalf("afterwards: %s, %v", out, err)
		}
	}
}
