package loop

import "net"

// beginAttach announces a connection on its way to a loop, to be followed by
// attaching.Done. It is false when the engine stops.
func (e *Engine) beginAttach() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return false
	}
	e.attaching.Add(1)
	return true
}

// Adopt makes a connection that was accepted elsewhere, such as a hijacked one
// of net/http, one of the engine's. nc must be a plain *net.TCPConn; it is
// consumed, also on failure. accept is called as by Listen, then unread, which
// is copied, is delivered. Adopt returns when that has happened.
func (e *Engine) Adopt(nc net.Conn, unread []byte, accept func(c *Conn) Handler) error {
	if _, ok := nc.(*net.TCPConn); !ok {
		_ = nc.Close()
		return ErrNotTCP
	}
	if !e.beginAttach() {
		_ = nc.Close()
		return ErrShutdown
	}
	defer e.attaching.Done()
	e.mu.Lock()
	r := e.reactor[e.next%len(e.reactor)]
	e.next++
	e.mu.Unlock()
	return r.enroll(nc, &ticket{accept: accept, unread: append([]byte(nil), unread...)})
}
