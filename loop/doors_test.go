package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// When gnet ends by itself it closes its listening sockets, and their numbers may have
// other owners by the time that the engine is shut down.
func TestClosingDoorsSparesStrangers(t *testing.T) {
	e, err := Listen(Config{Addr: "127.0.0.1:0", Loops: 2}, func(*Conn) Handler { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var stranger [2]int
	if err := unix.Pipe2(stranger[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stranger[0])
	defer unix.Close(stranger[1])
	e.doors.mu.Lock()
	list := append([]door(nil), e.doors.list...)
	e.doors.mu.Unlock()

	e.mu.Lock() // keeps the engine from noticing gnet's end
	e.host.halt()
	for _, d := range list {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETFD, 0); err == unix.EBADF {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("gnet does not close its listening sockets")
			}
		}
		if err := unix.Dup3(stranger[0], d.fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.doors.close(); err != nil {
		t.Error(err)
	}
	for i := range list {
		e.doors.failed(i)
	}
	e.mu.Unlock()
	<-e.Done()
	for _, d := range list {
		if _, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETPIPE_SZ, 0); err != nil {
			t.Errorf("descriptor %d is not the stranger's any more: %v", d.fd, err)
		}
		unix.Close(d.fd)
	}
}
