# bash completion for firsttouch
