import sys

print("leaving during init")
sys.exit(3)
