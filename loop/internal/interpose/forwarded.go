package interpose

import (
	"net"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// These calls of sockets don't fail, or report nothing when they do.

// Holds implements backend.Sockets, as the following methods do.
func (s *sockets) Holds(nc net.Conn) bool { return s.inner.Holds(nc) }

func (s *sockets) HungUp(fd int) bool { return s.inner.HungUp(fd) }

func (s *sockets) Unacknowledged(fd int) time.Duration { return s.inner.Unacknowledged(fd) }

func (s *sockets) Unwatch(fd int) { s.inner.Unwatch(fd) }

func (s *sockets) Close(so backend.Socket) { s.inner.Close(so) }
