// Command sioserver serves Socket.IO, the stock browser client and a demo chat
// on one port. It is wiring: flags become a sio.Config, signals become a
// Shutdown; what clients meet is in the packages sio and demo.
package main
