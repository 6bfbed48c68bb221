package sio

// fail gives an error of the socket to its error handlers: see [Namespace.OnError].
func (s *Socket) fail(err error, onLoop bool) {
	s.mu.Lock()
	listens := s.cold != nil && len(s.cold.errors) > 0
	s.mu.Unlock()
	if !listens && len(s.ns.hooks.Load().errors) == 0 {
		return
	}
	s.enqueue(&errorJob{err}, onLoop)
}

// errorJob runs the error handlers of a socket.
type errorJob struct{ err error }

func (j *errorJob) size() int          { return 0 }
func (j *errorJob) lapses(uint32) bool { return false }
func (j *errorJob) drop(*Socket)       {}

func (j *errorJob) run(s *Socket) {
	srv := s.ns.srv
	defer func() {
		s.mu.Lock()
		var own []func(err error)
		if s.cold != nil {
			own = s.cold.errors
		}
		s.mu.Unlock()
		inTurn(own, func(h func(error)) { srv.runHook(s, "error", func() { h(j.err) }) })
	}()
	inTurn(s.ns.hooks.Load().errors, func(h func(*Socket, error)) {
		srv.runHook(s, "error", func() { h(s, j.err) })
	})
}
