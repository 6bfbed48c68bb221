package interpose

import "net"

// Conn is a connection whose Write (Send), CloseWrite and Read fail by a plan.
type Conn struct {
	net.Conn
	plan Plan
}

// NewConn returns nc with faults by plan.
func NewConn(nc net.Conn, plan Plan) *Conn { return &Conn{nc, plan} }

// Read implements net.Conn, as Write does.
func (c *Conn) Read(b []byte) (int, error) {
	if f, ok := c.plan(Read, c.RemoteAddr()); ok && f.Err != nil {
		return 0, f.Err
	}
	return c.Conn.Read(b)
}

func (c *Conn) Write(b []byte) (int, error) {
	if f, ok := c.plan(Send, c.RemoteAddr()); ok {
		return f.send(len(b), func(n int) (int, error) { return c.Conn.Write(b[:n]) })
	}
	return c.Conn.Write(b)
}

// CloseWrite ends the sending half.
func (c *Conn) CloseWrite() error {
	if f, ok := c.plan(CloseWrite, c.RemoteAddr()); ok {
		return f.Err
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
